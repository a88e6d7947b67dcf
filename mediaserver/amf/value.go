package amf

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Value is one AMF value:
//
//	nil                  null
//	Undefined            undefined
//	bool                 boolean
//	float64              number
//	int32                AMF3 integer, 29 bits
//	string               string
//	time.Time            date, in whole milliseconds, UTC; NoDate for an invalid one
//	XML                  XML document: ActionScript 3's XML, and AMF0's only kind
//	XMLDocument          XML document of AMF3 that is ActionScript 2's class XML
//	*Array               strict (dense) array
//	*ECMAArray           array with names
//	*Object              object, with a class name or without
//	*Dictionary          AMF3 Dictionary
//	*ByteArray           AMF3 ByteArray
//	*Vector[int32], *Vector[uint32], *Vector[float64], *ObjectVector    AMF3 vectors
//
// Encoding takes every other integer and float type of Go as a number, and a
// nil pointer as null.
//
// Pointers are identity: one that is met again in a message is encoded as a
// reference, and a reference is decoded as the same pointer. Dates and XML
// documents can be referred to as well, but nobody can write into them: each
// is a value of its own.
//
// A value from a peer may hold itself. Whoever looks at all of a value marks
// the pointers that were looked at, and does not enter one again.
type Value = any

// NoDate is the invalid date, as ActionScript's new Date(NaN), whose time is NaN on the
// wire. It is compared by ==. Whatever is farther from 1970 than ECMA-262 has dates is
// encoded as it.
var NoDate = time.UnixMilli(math.MinInt64).UTC()

// Undefined is ActionScript's undefined.
type Undefined struct{}

// XML is an XML document as text. XMLDocument is one, too: AMF3 has two kinds, which
// AMF0 does not tell apart [AMF3 §3.9, §3.13].
type (
	XML         string
	XMLDocument string
)

// Property is a named value.
type Property struct {
	Name  string
	Value Value
}

// Object is an ActionScript object. Its properties keep their order, and a
// name comes once: of two with the same name, Get finds the last.
type Object struct {
	Class      string // "" for an anonymous object
	Properties []Property
}

// Array is an array whose elements have no names.
type Array struct {
	Items []Value
}

// ECMAArray is an array that has names. In AMF3 it may have a dense part.
type ECMAArray struct {
	Properties []Property
	Dense      []Value
}

// Dictionary is ActionScript's map by identity: keys of any type, which an
// object as a key is told from its equals by [AMF3 §3.16]. Entries keep their
// order.
type Dictionary struct {
	Weak    bool // its keys do not keep objects alive
	Entries []Entry
}

// Entry is a key of a Dictionary and what it stands for.
type Entry struct {
	Key, Value Value
}

// ByteArray is bytes that are no text.
type ByteArray struct {
	Bytes []byte
}

// Vector is an array of numbers of one type [AMF3 §3.15].
type Vector[T int32 | uint32 | float64] struct {
	Fixed bool // its length is not to be changed
	Items []T
}

// ObjectVector is an AMF3 Vector.<Class>.
type ObjectVector struct {
	Class string
	Fixed bool // its length is not to be changed
	Items []Value
}

// Errors that decoding and encoding wrap.
var (
	ErrTruncated = errors.New("value ends too early")
	ErrInvalid   = errors.New("invalid value")
	ErrTooDeep   = errors.New("values are nested too deep")
	ErrTooMany   = errors.New("too many values")
)

const (
	// maxDepth bounds nesting: real objects have a handful of levels.
	maxDepth = 64
	// maxSize bounds what one call decodes: a null takes a byte as AMF, and a
	// hundred as a property of a Go value. So it counts values as they would be
	// written out: perValue bytes for each, and for each name, and their text. A
	// value that is referred to counts as often as it is; sixty lists, each of
	// which holds the one before twice, would keep a reader of them all busy for
	// years, and a chain of references would nest without end. A reference to a
	// list from within it counts as one value: it is not entered again.
	maxSize  = 16 << 20
	perValue = 64
)

// NewArray makes an array of values.
func NewArray(items ...Value) *Array { return &Array{Items: items} }

// NewObject makes an object of alternating names and values. It panics when a
// name is no string: that is a mistake in the program.
func NewObject(pairs ...any) *Object { return &Object{Properties: properties(pairs)} }

// NewECMAArray makes an array of alternating names and values, as NewObject
// does.
func NewECMAArray(pairs ...any) *ECMAArray { return &ECMAArray{Properties: properties(pairs)} }

func properties(pairs []any) []Property {
	if len(pairs)%2 != 0 {
		panic("amf: names and values must come in pairs")
	}
	var out []Property
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			panic(fmt.Sprintf("amf: property name %v is no string", pairs[i]))
		}
		out = append(out, Property{name, pairs[i+1]})
	}
	return out
}

// Get finds a property. A nil object has none.
func (o *Object) Get(name string) (Value, bool) {
	if o == nil {
		return nil, false
	}
	return get(o.Properties, name)
}

// Set replaces a property, or adds it at the end.
func (o *Object) Set(name string, v Value) { o.Properties = set(o.Properties, name, v) }

// Get finds a property. A nil array has none.
func (a *ECMAArray) Get(name string) (Value, bool) {
	if a == nil {
		return nil, false
	}
	return get(a.Properties, name)
}

// Set replaces a property, or adds it at the end.
func (a *ECMAArray) Set(name string, v Value) { a.Properties = set(a.Properties, name, v) }

func get(list []Property, name string) (Value, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Name == name {
			return list[i].Value, true
		}
	}
	return nil, false
}

func set(list []Property, name string, v Value) []Property {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Name == name {
			list[i].Value = v
			return list
		}
	}
	return append(list, Property{name, v})
}
