;; What identity asks of a body's bytes: where its values end and what they are, and hashes of parts.
(module
  ;; From 0: notes of values, 16 bytes each, at most 2048. From 32768: hashes of prefixes. From 65536: words, 32 bytes each, in 256 slots
  ;; and 32 more for those that do not find theirs free. From 131072: what is put together. From 196608: the body, and after it at least 64 zeros.
  (memory (export "memory") 4)
  ;; The body's end.
  (global $limit (mut i32) (i32.const 196608))
  ;; Where the next note goes.
  (global $to (mut i32) (i32.const 0))
  ;; Not 0 once a string with a backslash was passed.
  (global $escaped (mut i32) (i32.const 0))

  ;; JSON. Each function is given where its part begins and returns where it ends; 0 where the bytes are no JSON, or such that this module
  ;; leaves them to a reader that goes byte by byte. Past the body's end there are zeros, which no part of JSON begins with.

  (func $space (param $at i32) (result i32)
    (local $byte i32)
    (loop $bytes
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.gt_u (local.get $byte) (i32.const 32)) (then (return (local.get $at))))
      (if (i32.eqz (i32.or (i32.or (i32.eq (local.get $byte) (i32.const 32)) (i32.eq (local.get $byte) (i32.const 10)))
          (i32.or (i32.eq (local.get $byte) (i32.const 13)) (i32.eq (local.get $byte) (i32.const 9)))))
        (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $bytes))
    (unreachable))

  ;; A string, from its quote.
  (func $string (export "string") (param $at i32) (result i32)
    (local $block v128) (local $found i32) (local $next i32)
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (loop $blocks
      (if (i32.ge_u (local.get $at) (global.get $limit)) (then (return (i32.const 0))))
      (local.set $block (v128.load (local.get $at)))
      (local.set $found (i8x16.bitmask (v128.or
        (i8x16.eq (local.get $block) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
        (i8x16.eq (local.get $block) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))))
      (loop $each
        (if (i32.eqz (local.get $found))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br $blocks)))
        (local.set $next (i32.ctz (local.get $found)))
        (if (i32.eq (i32.load8_u (i32.add (local.get $at) (local.get $next))) (i32.const 34))
          (then (return (i32.add (local.get $at) (i32.add (local.get $next) (i32.const 1))))))
        (global.set $escaped (i32.const 1))
        ;; What the backslash escapes may stand in the next block.
        (if (i32.eq (local.get $next) (i32.const 15))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 17)))
            (br $blocks)))
        (local.set $found (i32.and (local.get $found) (i32.shl (i32.const -4) (local.get $next))))
        (br $each))
      (unreachable))
    (unreachable))

  (func $digits (param $at i32) (result i32)
    (loop $each
      (if (i32.lt_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)) (i32.const 10))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $each))))
    (local.get $at))

  (func $number (param $at i32) (result i32)
    (local $byte i32) (local $from i32)
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45)) (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $byte) (i32.const 48))
      (then (local.set $at (i32.add (local.get $at) (i32.const 1))))
      (else
        (if (i32.ge_u (i32.sub (local.get $byte) (i32.const 49)) (i32.const 9)) (then (return (i32.const 0))))
        (local.set $at (call $digits (local.get $at)))))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 46))
      (then
        (local.set $from (i32.add (local.get $at) (i32.const 1)))
        (local.set $at (call $digits (local.get $from)))
        (if (i32.eq (local.get $at) (local.get $from)) (then (return (i32.const 0))))))
    (if (i32.eq (i32.or (i32.load8_u (local.get $at)) (i32.const 32)) (i32.const 101))
      (then
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.or (i32.eq (local.get $byte) (i32.const 43)) (i32.eq (local.get $byte) (i32.const 45))) (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
        (local.set $from (local.get $at))
        (local.set $at (call $digits (local.get $from)))
        (if (i32.eq (local.get $at) (local.get $from)) (then (return (i32.const 0))))))
    (local.get $at))

  ;; true, false, null or a number, and that nothing but white space, a separator or a bracket follows.
  (func $bare (param $at i32) (result i32)
    (local $word i32) (local $byte i32)
    (local.set $word (i32.load (local.get $at)))
    (block $known
      (if (i32.or (i32.eq (local.get $word) (i32.const 0x65757274)) (i32.eq (local.get $word) (i32.const 0x6c6c756e)))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br $known)))
      (if (i32.and (i32.eq (local.get $word) (i32.const 0x736c6166)) (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 101)))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 5)))
          (br $known)))
      (local.set $at (call $number (local.get $at)))
      (if (i32.eqz (local.get $at)) (then (return (i32.const 0)))))
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.le_u (local.get $byte) (i32.const 32)) (then (return (local.get $at))))
    (if (i32.or (i32.eq (local.get $byte) (i32.const 44)) (i32.or (i32.eq (local.get $byte) (i32.const 125)) (i32.eq (local.get $byte) (i32.const 93)))) (then (return (local.get $at))))
    (i32.const 0))

  ;; The number of the word between two quotes, plus 256 where what it names is looked into; 0 for one that is not in the table.
  (func $word (param $start i32) (param $end i32) (result i32)
    (local $length i32) (local $slot i32) (local $entry i32)
    (local.set $length (i32.sub (local.get $end) (local.get $start)))
    (if (i32.ge_u (i32.sub (local.get $length) (i32.const 1)) (i32.const 24)) (then (return (i32.const 0))))
    (local.set $slot (i32.add (i32.const 65536) (i32.shl (i32.and
      (i32.add (i32.mul (local.get $length) (i32.const 5)) (i32.add (i32.mul (i32.load8_u (local.get $start)) (i32.const 3)) (i32.load8_u (i32.sub (local.get $end) (i32.const 1)))))
      (i32.const 255)) (i32.const 5))))
    (loop $slots
      (local.set $entry (i32.load (local.get $slot)))
      (if (i32.eqz (local.get $entry)) (then (return (i32.const 0))))
      (block $other
        (br_if $other (i32.ne (i32.and (local.get $entry) (i32.const 255)) (local.get $length)))
        (if (i32.le_u (local.get $length) (i32.const 8))
          (then
            (br_if $other (i64.ne (i64.load offset=8 (local.get $slot))
              (i64.and (i64.load (local.get $start)) (i64.shr_u (i64.const -1) (i64.extend_i32_u (i32.sub (i32.const 64) (i32.shl (local.get $length) (i32.const 3)))))))))
          (else
            (br_if $other (i64.ne (i64.load offset=8 (local.get $slot)) (i64.load (local.get $start))))
            (br_if $other (i64.ne (i64.load (i32.add (local.get $slot) (local.get $length))) (i64.load (i32.sub (local.get $end) (i32.const 8)))))
            (if (i32.gt_u (local.get $length) (i32.const 16))
              (then (br_if $other (i64.ne (i64.load offset=16 (local.get $slot)) (i64.load offset=8 (local.get $start))))))))
        (return (i32.shr_u (local.get $entry) (i32.const 16))))
      (local.set $slot (i32.add (local.get $slot) (i32.const 32)))
      (br $slots))
    (unreachable))

  ;; An object after its brace. $note: its members are noted.
  (func $members (param $at i32) (param $depth i32) (param $note i32) (result i32)
    (local $byte i32) (local $key i32) (local $end i32)
    (local.set $at (call $space (local.get $at)))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 125)) (then (return (i32.add (local.get $at) (i32.const 1)))))
    (loop $each
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 34)) (then (return (i32.const 0))))
      (global.set $escaped (i32.const 0))
      (local.set $end (call $string (local.get $at)))
      (if (i32.eqz (local.get $end)) (then (return (i32.const 0))))
      (if (local.get $note)
        (then
          ;; A key may be a known word in disguise.
          (if (global.get $escaped) (then (return (i32.const 0))))
          (local.set $key (call $word (i32.add (local.get $at) (i32.const 1)) (i32.sub (local.get $end) (i32.const 1))))))
      (local.set $at (call $space (local.get $end)))
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 58)) (then (return (i32.const 0))))
      (local.set $at (call $value (call $space (i32.add (local.get $at) (i32.const 1))) (local.get $key) (i32.add (local.get $depth) (i32.const 1)) (local.get $note)))
      (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
      (local.set $at (call $space (local.get $at)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (i32.const 125)) (then (return (i32.add (local.get $at) (i32.const 1)))))
      (if (i32.ne (local.get $byte) (i32.const 44)) (then (return (i32.const 0))))
      (local.set $at (call $space (i32.add (local.get $at) (i32.const 1))))
      (br $each))
    (unreachable))

  ;; An array after its bracket. $note: its entries are noted.
  (func $entries (param $at i32) (param $depth i32) (param $note i32) (result i32)
    (local $byte i32)
    (local.set $at (call $space (local.get $at)))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 93)) (then (return (i32.add (local.get $at) (i32.const 1)))))
    (loop $each
      (local.set $at (call $value (local.get $at) (i32.const 256) (i32.add (local.get $depth) (i32.const 1)) (local.get $note)))
      (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
      (local.set $at (call $space (local.get $at)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (i32.const 93)) (then (return (i32.add (local.get $at) (i32.const 1)))))
      (if (i32.ne (local.get $byte) (i32.const 44)) (then (return (i32.const 0))))
      (local.set $at (call $space (i32.add (local.get $at) (i32.const 1))))
      (br $each))
    (unreachable))

  ;; A value that stands at $at. A note: the word of its key, then 8 bits on the word that it is, 16 bits on its first byte; its start; its
  ;; end; the index, in numbers of 32 bits, of the note after those of what it holds. $key has 256 where the value is looked into.
  (func $value (param $at i32) (param $key i32) (param $depth i32) (param $note i32) (result i32)
    (local $byte i32) (local $noted i32) (local $word i32) (local $end i32)
    (if (i32.gt_u (local.get $depth) (i32.const 250)) (then (return (i32.const 0))))
    (if (local.get $note)
      (then
        (local.set $noted (global.get $to))
        (if (i32.ge_u (local.get $noted) (i32.const 32768)) (then (return (i32.const 0))))
        (global.set $to (i32.add (local.get $noted) (i32.const 16)))))
    (local.set $byte (i32.load8_u (local.get $at)))
    (block $past
      (if (i32.eq (local.get $byte) (i32.const 34))
        (then
          (local.set $end (call $string (local.get $at)))
          (br_if $past (i32.eqz (local.get $note)))
          (local.set $word (call $word (i32.add (local.get $at) (i32.const 1)) (i32.sub (local.get $end) (i32.const 1))))
          (br $past)))
      (if (i32.eq (local.get $byte) (i32.const 123))
        (then
          (local.set $end (call $members (i32.add (local.get $at) (i32.const 1)) (local.get $depth) (i32.and (local.get $note) (i32.shr_u (local.get $key) (i32.const 8)))))
          (br $past)))
      (if (i32.eq (local.get $byte) (i32.const 91))
        (then
          (local.set $end (call $entries (i32.add (local.get $at) (i32.const 1)) (local.get $depth) (i32.and (local.get $note) (i32.shr_u (local.get $key) (i32.const 8)))))
          (br $past)))
      (local.set $end (call $bare (local.get $at))))
    (if (i32.and (local.get $note) (i32.ne (local.get $end) (i32.const 0)))
      (then
        (i32.store (local.get $noted) (i32.or (i32.or (i32.and (local.get $key) (i32.const 255)) (i32.shl (i32.and (local.get $word) (i32.const 255)) (i32.const 8))) (i32.shl (local.get $byte) (i32.const 16))))
        (i32.store offset=4 (local.get $noted) (i32.sub (local.get $at) (i32.const 196608)))
        (i32.store offset=8 (local.get $noted) (i32.sub (local.get $end) (i32.const 196608)))
        (i32.store offset=12 (local.get $noted) (i32.shr_u (global.get $to) (i32.const 2)))))
    (local.get $end))

  (func (export "begin") (param $limit i32)
    (global.set $limit (local.get $limit)))

  (func (export "value") (param $at i32) (result i32)
    (call $value (local.get $at) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func (export "outline") (param $at i32) (result i32)
    (global.set $to (i32.const 0))
    (call $value (local.get $at) (i32.const 256) (i32.const 0) (i32.const 1)))

  ;; Texts of calls.

  ;; Writes what stands between $at and $end without white space, simple escapes resolved, to $to. Returns where that ends; 0 where a
  ;; character is given by its number.
  (func $squeeze (param $at i32) (param $end i32) (param $to i32) (result i32)
    (local $byte i32)
    (block $done
      (loop $bytes
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.eq (local.get $byte) (i32.const 92))
          (then
            (local.set $byte (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (if (i32.eq (local.get $byte) (i32.const 117)) (then (return (i32.const 0))))
            (br_if $bytes (i32.or (i32.eq (local.get $byte) (i32.const 110)) (i32.or (i32.eq (local.get $byte) (i32.const 114)) (i32.eq (local.get $byte) (i32.const 116)))))
            (if (i32.eq (local.get $byte) (i32.const 98)) (then (local.set $byte (i32.const 8))))
            (if (i32.eq (local.get $byte) (i32.const 102)) (then (local.set $byte (i32.const 12))))))
        (if (i32.le_u (local.get $byte) (i32.const 32))
          (then (br_if $bytes (i32.or
            (i32.or (i32.eq (local.get $byte) (i32.const 32)) (i32.eq (local.get $byte) (i32.const 10)))
            (i32.or (i32.eq (local.get $byte) (i32.const 13)) (i32.eq (local.get $byte) (i32.const 9)))))))
        (i32.store8 (local.get $to) (local.get $byte))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $bytes)))
    (local.get $to))

  ;; A name, a zero byte, and arguments to 131072. Returns how many bytes these are; -1 where they may be more than a page, or a character is given by its number.
  (func (export "squeezeCall") (param $name i32) (param $nameEnd i32) (param $args i32) (param $argsEnd i32) (result i32)
    (local $to i32)
    (if (i32.ge_u (i32.add (i32.sub (local.get $nameEnd) (local.get $name)) (i32.sub (local.get $argsEnd) (local.get $args))) (i32.const 65535)) (then (return (i32.const -1))))
    (local.set $to (call $squeeze (local.get $name) (local.get $nameEnd) (i32.const 131072)))
    (if (i32.eqz (local.get $to)) (then (return (i32.const -1))))
    (i32.store8 (local.get $to) (i32.const 0))
    (local.set $to (call $squeeze (local.get $args) (local.get $argsEnd) (i32.add (local.get $to) (i32.const 1))))
    (if (i32.eqz (local.get $to)) (then (return (i32.const -1))))
    (i32.sub (local.get $to) (i32.const 131072)))

  ;; XXH64, as its specification has it. Rounds are written out: a call for each would cost more than the round.
  ;; What joins the lanes at the end:
  (func $merge (param $hash i64) (param $lane i64) (result i64)
    (i64.add (i64.mul (i64.xor (local.get $hash) (i64.mul (i64.rotl (i64.mul (local.get $lane) (i64.const 0xc2b2ae3d27d4eb4f)) (i64.const 31)) (i64.const 0x9e3779b185ebca87))) (i64.const 0x9e3779b185ebca87)) (i64.const 0x85ebca77c2b2ae63)))

  (func $join (param $a i64) (param $b i64) (param $c i64) (param $d i64) (result i64)
    (call $merge (call $merge (call $merge (call $merge
      (i64.add
        (i64.add (i64.rotl (local.get $a) (i64.const 1)) (i64.rotl (local.get $b) (i64.const 7)))
        (i64.add (i64.rotl (local.get $c) (i64.const 12)) (i64.rotl (local.get $d) (i64.const 18))))
      (local.get $a)) (local.get $b)) (local.get $c)) (local.get $d)))

  (func $avalanche (param $hash i64) (result i64)
    (local.set $hash (i64.mul (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 33))) (i64.const 0xc2b2ae3d27d4eb4f)))
    (local.set $hash (i64.mul (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29))) (i64.const 0x165667b19e3779f9)))
    (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32))))

  (func (export "hash") (param $at i32) (param $length i32) (param $seed i64) (result i64)
    (local $end i32) (local $hash i64) (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (if (i32.ge_u (local.get $length) (i32.const 32))
      (then
        (local.set $a (i64.add (local.get $seed) (i64.add (i64.const 0x9e3779b185ebca87) (i64.const 0xc2b2ae3d27d4eb4f))))
        (local.set $b (i64.add (local.get $seed) (i64.const 0xc2b2ae3d27d4eb4f)))
        (local.set $c (local.get $seed))
        (local.set $d (i64.sub (local.get $seed) (i64.const 0x9e3779b185ebca87)))
        (loop $stripes
          (local.set $a (i64.mul (i64.rotl (i64.add (local.get $a) (i64.mul (i64.load (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $b (i64.mul (i64.rotl (i64.add (local.get $b) (i64.mul (i64.load offset=8 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $c (i64.mul (i64.rotl (i64.add (local.get $c) (i64.mul (i64.load offset=16 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $d (i64.mul (i64.rotl (i64.add (local.get $d) (i64.mul (i64.load offset=24 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $at (i32.add (local.get $at) (i32.const 32)))
          (br_if $stripes (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 32))))
        (local.set $hash (call $join (local.get $a) (local.get $b) (local.get $c) (local.get $d))))
      (else (local.set $hash (i64.add (local.get $seed) (i64.const 0x27d4eb2f165667c5)))))
    (local.set $hash (i64.add (local.get $hash) (i64.extend_i32_u (local.get $length))))
    (block $short
      (loop $words
        (br_if $short (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 8)))
        (local.set $hash (i64.add (i64.mul (i64.rotl
          (i64.xor (local.get $hash) (i64.mul (i64.rotl (i64.mul (i64.load (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f)) (i64.const 31)) (i64.const 0x9e3779b185ebca87))) (i64.const 27)) (i64.const 0x9e3779b185ebca87)) (i64.const 0x85ebca77c2b2ae63)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $words)))
    (if (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 4))
      (then
        (local.set $hash (i64.add (i64.mul (i64.rotl
          (i64.xor (local.get $hash) (i64.mul (i64.load32_u (local.get $at)) (i64.const 0x9e3779b185ebca87))) (i64.const 23)) (i64.const 0xc2b2ae3d27d4eb4f)) (i64.const 0x165667b19e3779f9)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (block $done
      (loop $bytes
        (br_if $done (i32.eq (local.get $at) (local.get $end)))
        (local.set $hash (i64.mul (i64.rotl
          (i64.xor (local.get $hash) (i64.mul (i64.load8_u (local.get $at)) (i64.const 0x27d4eb2f165667c5))) (i64.const 11)) (i64.const 0x9e3779b185ebca87)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (call $avalanche (local.get $hash)))

  ;; The hashes of the prefixes of whole steps (a multiple of 32 bytes), in one pass, to 32768 and on.
  (func (export "hashPrefixes") (param $at i32) (param $step i32) (param $count i32) (param $seed i64)
    (local $start i32) (local $to i32) (local $boundary i32) (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $start (local.get $at))
    (local.set $to (i32.const 32768))
    (local.set $a (i64.add (local.get $seed) (i64.add (i64.const 0x9e3779b185ebca87) (i64.const 0xc2b2ae3d27d4eb4f))))
    (local.set $b (i64.add (local.get $seed) (i64.const 0xc2b2ae3d27d4eb4f)))
    (local.set $c (local.get $seed))
    (local.set $d (i64.sub (local.get $seed) (i64.const 0x9e3779b185ebca87)))
    (block $done
      (loop $steps
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $boundary (i32.add (local.get $at) (local.get $step)))
        (loop $stripes
          (local.set $a (i64.mul (i64.rotl (i64.add (local.get $a) (i64.mul (i64.load (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $b (i64.mul (i64.rotl (i64.add (local.get $b) (i64.mul (i64.load offset=8 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $c (i64.mul (i64.rotl (i64.add (local.get $c) (i64.mul (i64.load offset=16 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $d (i64.mul (i64.rotl (i64.add (local.get $d) (i64.mul (i64.load offset=24 (local.get $at)) (i64.const 0xc2b2ae3d27d4eb4f))) (i64.const 31)) (i64.const 0x9e3779b185ebca87)))
          (local.set $at (i32.add (local.get $at) (i32.const 32)))
          (br_if $stripes (i32.lt_u (local.get $at) (local.get $boundary))))
        (i64.store (local.get $to) (call $avalanche (i64.add
          (call $join (local.get $a) (local.get $b) (local.get $c) (local.get $d))
          (i64.extend_i32_u (i32.sub (local.get $at) (local.get $start))))))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $steps)))))
