;; What identity asks of a body's bytes, where JavaScript would need a call for each string: the ends of strings, and hashes of parts.
(module
  ;; From 0: places of quotes in a window of 16384 bytes, as u16. From 32768: hashes of prefixes. From 65536: the body.
  (memory (export "memory") 2)

  ;; Quotes of JSON that no backslash escapes, 64 bytes at a time. Which characters are escaped is told for all of them at once, by an
  ;; addition that carries through runs of backslashes (Langdale, Lemire: Parsing gigabytes of JSON per second, 2019).

  ;; One bit for each of the 64 bytes at $at that equals $wanted.
  (func $matches (param $at i32) (param $wanted v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $wanted))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $wanted)))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $wanted)))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $wanted)))) (i64.const 48)))))

  ;; $escaped: 1 where the window begins after a backslash that escapes. Returns twice the number of quotes, plus 1 where the next window begins so.
  (func (export "findQuotes") (param $from i32) (param $length i32) (param $escaped i32) (result i32)
    (local $at i32) (local $to i32)
    (local $quotes i64) (local $slashes i64) (local $carry i64) (local $starts i64) (local $codes i64)
    (local.set $to (i32.const 0))
    (local.set $carry (i64.extend_i32_u (local.get $escaped)))
    (block $done
      (loop $blocks
        (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
        (local.set $quotes (call $matches (i32.add (local.get $from) (local.get $at)) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34)))
        (local.set $slashes (call $matches (i32.add (local.get $from) (local.get $at)) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))
        (if (i64.eqz (local.get $slashes))
          (then
            (local.set $quotes (i64.and (local.get $quotes) (i64.xor (local.get $carry) (i64.const -1))))
            (local.set $carry (i64.const 0)))
          (else
            ;; Backslashes that may escape, then: of each run every other one does, counted from its first.
            (local.set $starts (i64.and (local.get $slashes) (i64.xor (local.get $carry) (i64.const -1))))
            (local.set $codes
              (i64.xor
                (i64.sub
                  (i64.or (i64.shl (local.get $starts) (i64.const 1)) (i64.const 0xaaaaaaaaaaaaaaaa))
                  (local.get $starts))
                (i64.const 0xaaaaaaaaaaaaaaaa)))
            (local.set $quotes (i64.and (local.get $quotes)
              (i64.xor (i64.xor (local.get $codes) (i64.or (local.get $slashes) (local.get $carry))) (i64.const -1))))
            (local.set $carry (i64.shr_u (i64.and (local.get $codes) (local.get $slashes)) (i64.const 63)))))
        (block $none
          (loop $each
            (br_if $none (i64.eqz (local.get $quotes)))
            (i32.store16 (local.get $to) (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $quotes)))))
            (local.set $to (i32.add (local.get $to) (i32.const 2)))
            (local.set $quotes (i64.and (local.get $quotes) (i64.sub (local.get $quotes) (i64.const 1))))
            (br $each)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $blocks)))
    (i32.or (local.get $to) (i32.wrap_i64 (local.get $carry))))

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

  ;; The hashes, with seed 0, of the prefixes of whole steps (a multiple of 32 bytes), in one pass, to 32768 and on.
  (func (export "hashPrefixes") (param $at i32) (param $step i32) (param $count i32)
    (local $start i32) (local $to i32) (local $boundary i32) (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $start (local.get $at))
    (local.set $to (i32.const 32768))
    (local.set $a (i64.add (i64.const 0x9e3779b185ebca87) (i64.const 0xc2b2ae3d27d4eb4f)))
    (local.set $b (i64.const 0xc2b2ae3d27d4eb4f))
    (local.set $d (i64.sub (i64.const 0) (i64.const 0x9e3779b185ebca87)))
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
