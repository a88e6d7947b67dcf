// Package values brings values from the wire into a script and back: between
// [amf.Value] and [engine.Value], both ways, with all that they hold. What is one
// object before is one object after, also where it holds itself, and across all
// arguments of one call.
//
//	AMF                               in a script
//	null, undefined                   null, undefined
//	boolean, numbers, strings         the same; numbers leave as doubles
//	strict array                      array
//	array with names                  array: names that are numbers are its elements,
//	                                  others its properties, and length is its length
//	date                              Date, also an invalid one
//	XML document                      XML (see package xmldoc)
//	ByteArray                         ByteArray
//	Vector                            array, as which it leaves
//	Dictionary                        object where all keys are strings, else Map; a Map
//	                                  leaves as that of the two
//	object with a registered class    what its constructor makes (see Values.Register)
//	object of another class           object, which leaves with its class
//
// An array leaves with names where it has any, or holes: these are the numbers that
// it does not name. What no client can have leaves as an object without properties:
// functions, and objects of the server's own, such as a Client.
//
// Strings are bytes in AMF, and are UTF-8 in all of this; half of a surrogate pair
// keeps what it is (see engine.Value).
//
// One call into a script's engine converts all of a message, constructors and getters
// of the script's included, so that its limits of time, memory, depth and size hold for
// all of it together. What a ByteArray holds is not in the script's memory; all of a
// runtime's have as much again.
package values
