package link

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// What an origin says once for many of an edge's clients, since version 2. Client is 0.
const (
	InvokeMany   Kind = iota + 96 // InvokeManyBody
	ObjectBegins                  // ObjectBody: the edge is told of a shared object from now on; ID: its number
	ObjectTold                    // ObjectToldBody; ID: the object's number
	ObjectEnds                    // nothing: it is not told any more; ID: the object's number
)

// What an edge says since then.
const (
	Taken      Kind = iota + 48 // RoomBody: it has taken so much of ObjectTold; Client 0
	ObjectKept                  // ObjectBody: an object that it has of a link before, said before its first client comes; Client 0
)

// TakenAfter is how many bytes an edge may have taken and not said so.
const TakenAfter = 64 << 10

// shared is the first version in which an origin says once what many clients hear.
const shared = 2

// Shared says whether what many clients of an edge hear is said once.
func (c *Conn) Shared() bool { return c.version >= shared }

// InvokeManyBody is session.Invocation for the clients of an edge that have these numbers.
type InvokeManyBody struct {
	InvokeBody
	Clients []byte `cbor:"10,keyasint"` // see AppendNumbers
}

// ObjectBody is a shared object.
type ObjectBody struct {
	Name       string `cbor:"1,keyasint"`
	Persistent bool   `cbor:"2,keyasint,omitempty"`
	// Has is the version that the edge has kept. Where the origin says it, the object goes on
	// from there; 0: it begins anew.
	Has uint32 `cbor:"3,keyasint,omitempty"`
}

// ObjectToldBody is what a sharedobject.Replica takes.
type ObjectToldBody struct {
	Payload []byte `cbor:"1,keyasint"`
}

// AppendNumbers appends numbers of clients, which it sorts, each once: how many are left
// out, and how many follow one another then, and so on, as uvarints. Nearly all clients of an edge
// are a few bytes.
func AppendNumbers(b []byte, all []uint64) []byte {
	slices.Sort(all)
	for next := uint64(0); len(all) > 0; {
		n := 1
		for n < len(all) && all[n] == all[0]+uint64(n) {
			n++
		}
		b = binary.AppendUvarint(b, all[0]-next)
		b = binary.AppendUvarint(b, uint64(n))
		next, all = all[0]+uint64(n), all[n:]
	}
	return b
}

// EachNumber calls f with each of the numbers, which are so many at most.
func EachNumber(b []byte, most int, f func(uint64)) error {
	for at := uint64(0); len(b) > 0; {
		var two [2]uint64
		for i := range two {
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return fmt.Errorf("%w: numbers of clients end too early", ErrFrame)
			}
			two[i], b = v, b[n:]
		}
		if two[1] > uint64(most) {
			return fmt.Errorf("%w: more than %d numbers of clients", ErrFrame, most)
		}
		most -= int(two[1])
		for at += two[0]; two[1] > 0; two[1]-- {
			f(at)
			at++
		}
	}
	return nil
}
