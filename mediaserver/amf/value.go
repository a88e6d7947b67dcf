package amf

import (
	"errors"
	"fmt"
)

// Value is one AMF value:
//
//	nil                  null
//	Undefined            undefined
//	bool                 boolean
//	float64              number
//	int32                AMF3 integer, 29 bits
//	string               string
//	time.Time            date, in whole milliseconds, UTC
//	XML                  XML document
//	[]byte               AMF3 ByteArray
//	[]Value              strict (dense) array
//	*ECMAArray           array with names
//	*Object              object, with a class name or without
//	[]int32, []uint32, []float64, *ObjectVector    AMF3 vectors
//
// Encoding takes every other integer and float type of Go as a number.
type Value = any

// Undefined is ActionScript's undefined.
type Undefined struct{}

// XML is an XML document as text.
type XML string

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

// ECMAArray is an array that has names. In AMF3 it may have a dense part.
type ECMAArray struct {
	Properties []Property
	Dense      []Value
}

// ObjectVector is an AMF3 Vector.<Class>.
type ObjectVector struct {
	Class string
	Fixed bool
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
	// maxValues bounds what one call decodes: a null takes a byte as AMF, and
	// a hundred as a property of a Go value. A value that is referred to counts
	// as often as it is; sixty lists, each of which holds the one before twice,
	// would keep busy for years who looks at them all. Text counts too, see
	// perValue.
	maxValues = 1 << 18
	// perValue is how many bytes of text, or of numbers in a vector, count for
	// a value: all of them, written out, are 16 MiB.
	perValue = 64
)

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
	out := make([]Property, 0, len(pairs)/2)
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

// number turns Go's other numeric types into float64.
func number(v Value) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case float32:
		return float64(n), true
	case int:
		return float64(n), true
	case int8:
		return float64(n), true
	case int16:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint:
		return float64(n), true
	case uint8:
		return float64(n), true
	case uint16:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint64:
		return float64(n), true
	}
	return 0, false
}
