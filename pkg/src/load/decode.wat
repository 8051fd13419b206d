;; Undoes how the build spells the module, in place: bytes below 90 are one printable character, others two.
;; As JavaScript that nothing has warmed up yet, this loop would take longer than compiling the module.
(module
  (memory (export "m") 0)
  (func (export "d") (param $length i32) (result i32)
    (local $from i32) (local $to i32) (local $code i32) (local $high i32)
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $length))
        (then
          (local.set $code (i32.load8_u (local.get $from)))
          (local.set $high (i32.const 0))
          (if (i32.lt_u (local.get $code) (i32.const 34))
            (then
              (local.set $high (i32.mul (i32.sub (local.get $code) (i32.const 31)) (i32.const 90)))
              (local.set $from (i32.add (local.get $from) (i32.const 1)))
              (local.set $code (i32.load8_u (local.get $from)))))
          (i32.store8
            (local.get $to)
            (i32.sub
              (i32.add (local.get $high) (local.get $code))
              (i32.add (i32.const 35) (i32.gt_u (local.get $code) (i32.const 92)))))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (br $next))))
    (local.get $to)))
