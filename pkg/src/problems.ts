// What can be wrong with an event, by the number that the module gives it.

/** Code, field and hint. Without a field it is the name that the module gives; of `json` the byte is told. */
export const PROBLEMS = [
  "malformed|json|no JSON object from here on",
  "malformed|json|a control character; escape it, e.g. \\n",
  "malformed|json|no such escape",
  "malformed||nest at most 64 levels deep",
  "malformed||it stands twice; keep one",
  "not_finite||a double reaches to 1.8e308; give a string",
  "wrong_type||give a string",
  "wrong_type||give an object",
  "wrong_type||give an integer",
  "wrong_type||give a number",
  "wrong_type||give a string, a number or an object",
  "out_of_range||the field takes smaller integers",
  "unknown_field||put it into the attributes",
  "malformed||keep one of `track`, `item` and `mapping`",
  "unknown_field||give an item as `resource_item`",
  "unknown_field||an event needs `track`; user attributes take `user`, `user_key`, `anonymous`, `time` and `attributes`",
  "unknown_field||an item takes `item`, `key` and `attributes`",
  "unknown_field||a mapping takes `mapping` and `time`",
  "unknown_field||a resource item takes `id`, `key` and `attributes`",
  "missing|resource_item.id|give the item's id",
  "missing|resource_item.key|give the key of the item's table",
  "missing|key|give the key of the item's table",
  "empty|item_key|give the key of the item's table",
  "empty|item_id|give the item's id",
  "empty|event_name|give the event a name",
  "missing|login_user_id|give a login user id or an anonymous id",
  "empty|attributes|give at least one attribute",
  "empty|identities|give at least one id",
  "too_large|event|above `maxRequestBytes`, or too large for `maxQueueBytes`",
  "too_large|tag|a text has at most 1,024 bytes",
];

/** What stands in front of such a name, by number. */
export const PARENTS = ["", "mapping.", "attributes.", "resource_item.", "resource_item.attributes."];
