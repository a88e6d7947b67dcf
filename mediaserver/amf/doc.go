// Package amf encodes and decodes Action Message Format values: AMF0, and AMF3
// where an AMF0 value switches to it; and it makes AMF0 of AMF3. It works on byte slices and knows
// nothing of messages, files or connections; rtmp, flv and session are its
// callers.
//
// Values have identity: what AMF can refer to is a pointer, so that a list that
// is met twice, or holds itself, is one list before and after. How a [Value]
// that holds itself is to be walked stands there.
//
// What is decoded comes from strangers: nesting and sizes are limited, nothing
// is allocated because a number in the input says so, and no decoded value
// aliases the input.
package amf
