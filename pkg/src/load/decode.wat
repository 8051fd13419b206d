;; Undoes how the build spells the module, see `spell.mjs`, which makes the text and says what its streams hold.
;; As JavaScript that nothing has warmed up yet, this would take longer than compiling the module.
;;
;; Memory: 0 where to read on in each stream, set by who calls; 128 the locals of a function, the last used first; 256 the table of symbols,
;; four bytes each; 4096 the text, and behind it the module.
(module
  (memory (export "m") 1)
  (global $to (mut i32) (i32.const 0))

  ;; Text of this length is at 4096. The module then begins behind it, and ends where this says.
  (func (export "d") (param $length i32) (result i32)
    (local $symbol i32) (local $code i32) (local $count i32)
    (global.set $to (i32.add (local.get $length) (i32.const 4096)))

    ;; The table: four times the kind and how many bytes; the first, as what it is above that before; the second.
    (loop $next
      (if (i32.lt_u (local.tee $count (call $read (i32.const 0))) (i32.const 270))
        (then
          (i32.store8 offset=256 (local.get $symbol) (local.get $count))
          (i32.store8 offset=257
            (local.get $symbol)
            (local.tee $code (i32.add (local.get $code) (call $read (i32.const 0)))))
          (i32.store8 offset=258 (local.get $symbol) (call $read (i32.const 0)))
          (local.set $symbol (i32.add (local.get $symbol) (i32.const 4)))
          (br $next))))

    (call $copy (i32.const 4))
    (loop $next
      (if (i32.lt_u (local.tee $count (call $read (i32.const 12))) (i32.const 270))
        (then
          (call $function (local.get $count))
          (br $next))))
    (call $copy (i32.const 8))
    (global.get $to))

  ;; A function that declares its locals in this many groups.
  (func $function (param $count i32)
    (local $start i32) (local $symbol i32) (local $kind i32) (local $local i32)
    (local.set $start (global.get $to))
    (global.set $to (i32.add (global.get $to) (i32.const 3)))
    (call $put (local.get $count))
    (loop $next
      (if (local.get $count)
        (then
          (call $number (i32.const 12))
          (call $number (i32.const 12))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
    (loop $next
      (i32.store8 offset=128 (local.get $count) (local.get $count))
      (br_if $next (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 128))))
    (loop $next
      (i32.store16 (global.get $to)
        (i32.load16_u offset=257 (local.tee $symbol (i32.mul (call $read (i32.const 16)) (i32.const 4)))))
      (global.set $to
        (i32.add (global.get $to)
          (i32.and (local.tee $kind (i32.load8_u offset=256 (local.get $symbol))) (i32.const 3))))
      ;; A kind times four is where its stream's place is.
      (br_if $next (i32.eqz (local.tee $kind (i32.and (local.get $kind) (i32.const 124)))))
      ;; A number.
      (if (i32.gt_u (local.get $kind) (i32.const 24))
        (then
          (call $number (local.get $kind))
          (br $next)))
      ;; A constant of three bytes, the last first.
      (if (i32.eq (local.get $kind) (i32.const 24))
        (then
          (i32.store8 offset=2 (global.get $to) (call $read (i32.const 24)))
          (i32.store8 offset=1 (global.get $to) (i32.or (call $read (i32.const 24)) (i32.const 128)))
          (call $put (i32.or (call $read (i32.const 24)) (i32.const 128)))
          (global.set $to (i32.add (global.get $to) (i32.const 2)))
          (br $next)))
      ;; A local.
      (if (i32.eq (local.get $kind) (i32.const 20))
        (then
          (call $put (local.tee $local (i32.load8_u offset=128 (local.tee $count (call $read (i32.const 20))))))
          (loop $shift
            (if (local.get $count)
              (then
                (i32.store8 offset=128 (local.get $count) (i32.load8_u offset=127 (local.get $count)))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br $shift))))
          (i32.store8 offset=128 (i32.const 0) (local.get $local))
          (br $next))))
    ;; The function's size, in three bytes.
    (i32.store8 (local.get $start)
      (i32.or
        (local.tee $count (i32.sub (i32.sub (global.get $to) (local.get $start)) (i32.const 3)))
        (i32.const 128)))
    (i32.store8 offset=1 (local.get $start) (i32.or (i32.shr_u (local.get $count) (i32.const 7)) (i32.const 128)))
    (i32.store8 offset=2 (local.get $start) (i32.shr_u (local.get $count) (i32.const 14))))

  ;; What is left of a stream, where space stands for itself.
  (func $copy (param $stream i32)
    (local $byte i32)
    (loop $next
      (if (i32.lt_u (local.tee $byte (call $read (local.get $stream))) (i32.const 270))
        (then
          (call $put (i32.add (local.get $byte) (i32.const 32)))
          (br $next)))))

  ;; A number as WebAssembly writes them.
  (func $number (param $stream i32)
    (local $byte i32)
    (loop $next
      (call $put (local.tee $byte (call $read (local.get $stream))))
      (br_if $next (i32.ge_u (local.get $byte) (i32.const 128)))))

  (func $put (param $byte i32)
    (i32.store8 (global.get $to) (local.get $byte))
    (global.set $to (i32.add (global.get $to) (i32.const 1))))

  ;; The next byte of a stream, at its end 270 or more. `|` and `}` precede a character that stands for 90 and 180 more,
  ;; `z` and `{` are the quote and the backslash.
  (func $read (param $stream i32) (result i32)
    (local $at i32) (local $char i32) (local $more i32)
    (i32.store (local.get $stream) (i32.add (local.tee $at (i32.load (local.get $stream))) (i32.const 1)))
    (if (i32.gt_u (local.tee $char (i32.load8_u (local.get $at))) (i32.const 121))
      (then
        (if (i32.gt_u (local.get $char) (i32.const 123))
          (then
            (i32.store (local.get $stream) (i32.add (local.get $at) (i32.const 2)))
            (local.set $more (i32.mul (i32.sub (local.get $char) (i32.const 123)) (i32.const 90)))
            (local.set $char (i32.load8_u offset=1 (local.get $at)))))
        (if (i32.gt_u (local.get $char) (i32.const 121))
          (then (local.set $char (i32.sub (i32.mul (local.get $char) (i32.const 58)) (i32.const 7042)))))))
    (i32.add (local.get $more) (i32.sub (local.get $char) (i32.const 32)))))
