// Package amf encodes and decodes Action Message Format values: AMF0, and AMF3
// where an AMF0 value switches to it. It works on byte slices and knows
// nothing of messages, files or connections; rtmp, flv and session are its
// callers.
//
// What is decoded comes from strangers: nesting and sizes are limited, nothing
// is allocated because a number in the input says so, and no decoded value
// aliases the input.
package amf
