package media

import "unsafe"

// An index may have a million entries and more, and a message millions of bytes. A
// list of them must not be copied in one go when it grows: the runtime cannot
// interrupt that, however long it takes (a page of fresh memory takes many
// microseconds where the machine is a virtual one), and has a second processor wait
// for it while garbage is collected. Live media would wait for both.

// pieceOfList is how many bytes are copied in one go.
const pieceOfList = 64 << 10

// Append is append for lists that may become long.
func Append[T any](list []T, one T) []T {
	if n := len(list); n == cap(list) {
		list = Room(list, max(64, n+n/2))
	}
	return append(list, one)
}

// Room returns a new list with the same entries, and room for n.
func Room[T any](list []T, n int) []T {
	to, _ := RoomFor(&Work{}, list, n) // nobody is asked
	return to
}

// RoomFor is Room, and asks after each piece whether the work is to go on.
func RoomFor[T any](work *Work, list []T, n int) ([]T, error) {
	var one T
	piece := max(1, pieceOfList/max(1, int(unsafe.Sizeof(one))))
	to := make([]T, len(list), n)
	for from := 0; from < len(list); from += piece {
		copyPiece(to[from:], list[from:min(from+piece, len(list))])
		if err := work.Steps(pauseEvery); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// copyPiece is a call, and calls are where a goroutine can be interrupted.
//
//go:noinline
func copyPiece[T any](to, from []T) { copy(to, from) }
