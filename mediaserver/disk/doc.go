// Package disk is how recorded files are read for viewers by HTTP: in places, of which a
// disk that hangs does not take all ([Places]), and what has been made of a file is made
// once for all who ask, and kept to be used again, as far as a budget pays for it
// ([Cache]).
//
// It opens no file and knows no format: what is read, and what is made of it, is said by
// whoever asks.
package disk
