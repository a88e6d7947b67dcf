package engine

import (
	"unicode/utf8"

	lib "modernc.org/libquickjs"
)

// Kind is what a Value is.
type Kind uint8

// The kinds of values. Functions, arrays, dates and so on are objects; Object.Class tells them apart. A symbol is an object that has
// nothing. A BigInt does not leave the script.
const (
	KindUndefined Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindObject
)

// String names the kind with its article: "a number".
func (k Kind) String() string {
	return [...]string{"undefined", "null", "a Boolean", "a number", "a string", "an object"}[k]
}

// A Value is a value of the script's, as Go keeps it. The zero Value is undefined. Values that are no objects belong to nobody; an
// object belongs to its runtime, and is kept until it is released (see Object).
//
// Strings are UTF-8, and JavaScript's are UTF-16 of any kind: half of a surrogate pair becomes the three bytes that UTF-8 would have
// for its number (WTF-8), and those become half of a pair again on the way back, so that no string is changed by going out and in. Other
// bytes that are no UTF-8 become U+FFFD on their way in. strings.ToValidUTF8 makes it UTF-8 for others.
type Value struct {
	kind Kind
	num  float64 // of a number; 1 for true
	str  string
	obj  *Object
}

// Undefined and Null are the values of these names.
var (
	Undefined = Value{}
	Null      = Value{kind: KindNull}
)

// Bool is a Boolean.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// Number is a number.
func Number(f float64) Value { return Value{kind: KindNumber, num: f} }

// String is a string; see Value for what it is made of.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Kind says what the value is.
func (v Value) Kind() Kind { return v.kind }

// Number is a number's value; 0 for other kinds.
func (v Value) Number() float64 {
	if v.kind != KindNumber {
		return 0
	}
	return v.num
}

// Bool is a Boolean's value; false for other kinds.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Text is a string's value; "" for other kinds.
func (v Value) Text() string { return v.str }

// Object is an object; nil for other kinds.
func (v Value) Object() *Object { return v.obj }

// Truth is what the language makes of the value where it wants a Boolean.
func (v Value) Truth() bool {
	switch v.kind {
	case KindBool:
		return v.num != 0
	case KindNumber:
		return v.num != 0 && v.num == v.num
	case KindString:
		return v.str != ""
	}
	return v.kind == KindObject
}

// ToString is what the language makes of the value where it wants a string. For an object, that may run the script.
func (r *Runtime) ToString(v Value) (string, error) {
	if v.kind == KindString {
		return v.str, nil
	}
	var s string
	err := r.run(func() (err error) {
		j, err := r.in(v)
		if err != nil {
			return err
		}
		defer r.free(j)
		s, err = r.text(j)
		return err
	})
	return s, err
}

// ToNumber is what the language makes of the value where it wants a number. For an object, that may run the script.
func (r *Runtime) ToNumber(v Value) (float64, error) {
	if v.kind == KindNumber {
		return v.num, nil
	}
	var f float64
	err := r.run(func() error {
		j, err := r.in(v)
		if err != nil {
			return err
		}
		defer r.free(j)
		p := r.tls.Alloc(8)
		defer r.tls.Free(8)
		if lib.XJS_ToFloat64(r.tls, r.ctx, p, j) != 0 {
			return r.exception()
		}
		f = load[float64](p)
		return nil
	})
	return f, err
}

// in makes a value the engine's.
func (r *Runtime) in(v Value) (jsv, error) {
	switch v.kind {
	case KindUndefined:
		return jsUndefined, nil
	case KindNull:
		return jsNull, nil
	case KindBool:
		return jsBool(v.num != 0), nil
	case KindNumber:
		return jsNumber(v.num), nil
	case KindString:
		if len(v.str) > r.limits.Value {
			return jsv{}, r.tooLarge("a string", uint64(len(v.str)))
		}
		j := r.newString(v.str)
		if isException(j) {
			return jsv{}, r.exception()
		}
		return j, nil
	}
	if err := v.obj.check(r); err != nil {
		return jsv{}, err
	}
	return r.dup(v.obj.v), nil
}

// out makes a value of the engine's one that Go keeps, and takes v over.
func (r *Runtime) out(v jsv) (Value, error) {
	switch v.Ftag {
	case lib.EJS_TAG_UNDEFINED, lib.EJS_TAG_UNINITIALIZED:
		return Undefined, nil
	case lib.EJS_TAG_NULL:
		return Null, nil
	case lib.EJS_TAG_BOOL:
		return Bool(bits(v) != 0), nil
	case lib.EJS_TAG_INT, lib.EJS_TAG_FLOAT64:
		return Number(number(v)), nil
	case lib.EJS_TAG_STRING, lib.EJS_TAG_STRING_ROPE:
		s, err := r.text(v)
		r.free(v)
		return String(s), err
	case lib.EJS_TAG_OBJECT, lib.EJS_TAG_SYMBOL:
		o, err := r.keep(v)
		if err != nil {
			return Undefined, err
		}
		return Value{kind: KindObject, obj: o}, nil
	case lib.EJS_TAG_EXCEPTION:
		return Undefined, r.exception()
	}
	r.free(v)
	return Undefined, errBigInt
}

// wellFormed makes s what the engine reads as it is meant: UTF-8, with halves of surrogate pairs as three bytes.
func wellFormed(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1 && isHalf(s[i:]):
			b = append(b, s[i:i+3]...)
			i += 3
		case c == utf8.RuneError:
			b = append(b, "\uFFFD"...)
			i += n
		default:
			b = append(b, s[i:i+n]...)
			i += n
		}
	}
	return string(b)
}

// isHalf says whether s begins with half of a surrogate pair, U+D800 to U+DFFF, in three bytes.
func isHalf(s string) bool {
	return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2]&0xC0 == 0x80
}
