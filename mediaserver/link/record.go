package link

import (
	"encoding/binary"
	"fmt"
)

// Kind is what a record says.
type Kind byte

// What an edge says. The ID of a question is the edge's, and Answer has it again.
const (
	Connect      Kind = iota + 1 // ConnectBody; ID: a question
	Admit                        // ID: a question
	Call                         // CallBody; ID: a question
	MayPublish                   // PublishBody; ID: a question
	PublishName                  // PublishBody; ID: a question
	Play                         // PlayBody; ID: a question
	Released                     // TokenBody: the edge plays a stream no more, or has closed a file
	Length                       // LengthBody; ID: a question
	Withdraw                     // nothing
	RefusedHere                  // RefusedBody
	SharedObject                 // SharedObjectBody; ID: a question, whose answer says nothing
	Room                         // RoomBody
	Leave                        // nothing
	Answered                     // AnsweredBody; ID: that of an Invoke
	Traffic                      // []TrafficBody, of all clients; Client 0
)

// What an origin says.
const (
	Answer         Kind = iota + 64 // ConnectAnswer and so on; ID: the question's
	Happened                        // HappenedBody: what a question was to be told later; ID: the question's
	Tell                            // UpdateBody
	Invoke                          // InvokeBody; ID: a question of the origin's, 0 where no answer is wanted
	CheckBandwidth                  // nothing
	Ping                            // nothing
	SetBandwidth                    // BandwidthBody
	Disconnect                      // nothing
	Fail                            // ReasonBody
	Shutdown                        // ReasonBody
	Going                           // ReasonBody: the origin ends, and another may come; Client 0. Version 2
	Look                            // nothing: the client's traffic is looked at, and is to be told each second for a while. Version 2
	Returned                        // ConnectAnswer: the origin has lost its own origin, and what has come of asking that for the client anew. Version 3
)

// Record is one thing that a server says to another: about a client, or with Client 0 about
// none. Records of a pipe come in the order in which they were sent.
type Record struct {
	Kind   Kind
	Client uint64 // that an edge has numbered so on this pipe
	ID     uint64 // of a question
	Body   []byte // CBOR; what it is depends on Kind
}

// appendRecord appends what stands before a body.
func appendRecord(b []byte, r *Record) []byte {
	b = append(b, byte(r.Kind))
	b = binary.AppendUvarint(b, r.Client)
	return binary.AppendUvarint(b, r.ID)
}

// parseRecord takes a record apart. Its body is a part of b.
func parseRecord(b []byte) (r Record, err error) {
	if len(b) == 0 {
		return r, fmt.Errorf("%w: an empty record", ErrFrame)
	}
	r.Kind, b = Kind(b[0]), b[1:]
	for _, to := range []*uint64{&r.Client, &r.ID} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return r, fmt.Errorf("%w: a record ends too early", ErrFrame)
		}
		*to, b = v, b[n:]
	}
	r.Body = b
	return r, nil
}

// Decode reads a record's body.
func (r *Record) Decode(body any) error {
	if err := Unmarshal(r.Body, body); err != nil {
		return fmt.Errorf("record %d: %w", r.Kind, err)
	}
	return nil
}

// Unmarshal reads the value of a frame: see WriteValue.
func Unmarshal(b []byte, v any) error {
	if err := decoding.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}
