package media

// An index may have a million entries and more. A list of them must not be copied in
// one go when it grows: the runtime cannot interrupt that, however long it takes (a
// page of fresh memory takes many microseconds where the machine is a virtual one),
// and has a second processor wait for it while garbage is collected. Live media
// would wait for both.

// pieceOfList is how many entries are copied in one go: some tens of KB.
const pieceOfList = 2048

// Append is append for lists that may become long.
func Append[T any](list []T, one T) []T {
	if n := len(list); n == cap(list) {
		list = Room(list, max(64, n+n/2))
	}
	return append(list, one)
}

// Room returns a new list with the same entries, and room for n.
func Room[T any](list []T, n int) []T {
	to := make([]T, len(list), n)
	for from := 0; from < len(list); from += pieceOfList {
		copyPiece(to[from:], list[from:min(from+pieceOfList, len(list))])
	}
	return to
}

// copyPiece is a call, and calls are where a goroutine can be interrupted.
//
//go:noinline
func copyPiece[T any](to, from []T) { copy(to, from) }
