package engine

// Data is a value with all that it holds, copied out of the script, or to be copied into it. It is one of
//
//	Value     what is no object, and, in what is to be copied in, an object that is to stay the one it is
//	*Record   an object
//	*List     an array
//	Date      a date
//	*Object   what is not copied: a function, an object of a class in Go, and what Options.Keep wants; kept until it is released
//
// The same *Record or *List in two places is one object in two places, also inside of itself.
type Data any

// A Record is an object: its own properties that for-in sees, in its order.
type Record struct {
	Fields []Field
	// Proto is what the object inherits from, where that is not what {} inherits from: so it is known which constructor made it. It
	// is kept until it is released. In what is to be copied in, the object inherits from it.
	Proto *Object
}

// A Field is a property.
type Field struct {
	Name  string
	Value Data
}

// A List is an array. Holes are indices that are in no Item.
type List struct {
	Length uint32
	Items  []Item  // by index, ascending
	Fields []Field // properties that are no elements
}

// An Item is an element of an array.
type Item struct {
	Index uint32
	Value Data
}

// Date is a date: milliseconds since 1970 in UTC, NaN for the invalid one.
type Date float64
