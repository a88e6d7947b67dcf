package rtmp

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yutopp/go-rtmp/handshake"
)

const protocolVersion = 3

// turnMatters is how long a wait for a turn is that moves the deadline of a handshake.
const turnMatters = 100 * time.Millisecond

// Handshake exchanges the handshake that everything else comes after [SPEC
// §5.2]. It fails with ErrNoData, ErrNotRTMP, ErrEncrypted, ErrPolicyRequest, or an error
// of the network.
//
// HandshakeTimeout is the peer's: what it has sent may wait for its turn as well.
//
// A client that signs its half (see digest.go) is answered in kind, any other
// with the simple form.
func (c *Conn) Handshake() error {
	c.deadline = time.Now().Add(c.cfg.HandshakeTimeout)
	if err := c.nc.SetDeadline(c.deadline); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	defer c.gate.Leave()
	shake := c.serverHandshake
	if c.client {
		shake = c.clientHandshake
	}
	if err := shake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.deadline = time.Time{}
	return c.nc.SetDeadline(c.deadline)
}

// counted reads from the connection for the handshake: what there is, whatever is
// asked for, since the decoder asks for a few bytes at a time, and each read is a turn
// of its own. It reads nothing of what comes behind the handshake.
type counted struct {
	c    *Conn
	left int    // bytes of the handshake that may come now
	some []byte // that came and were not asked for yet
	room []byte // for as many
}

func newCounted(c *Conn, n int) *counted { return &counted{c: c, left: n, room: make([]byte, n)} }

// Read implements io.Reader; it waits outside of the connection's turn.
func (r *counted) Read(b []byte) (int, error) {
	if len(r.some) == 0 {
		r.c.gate.Leave()
		n, err := r.c.nc.Read(r.room[:r.left])
		came := time.Now()
		r.c.gate.Enter()
		if waited := time.Since(came); waited > turnMatters {
			r.c.deadline = r.c.deadline.Add(waited)
			if err := r.c.nc.SetDeadline(r.c.deadline); err != nil {
				return 0, err
			}
		}
		r.c.received.Add(uint64(n))
		r.some, r.left = r.room[:n], r.left-n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(b, r.some)
	r.some = r.some[n:]
	return n, nil
}

func (c *Conn) serverHandshake() error {
	from := newCounted(c, 1+packetSize)
	in := handshake.NewDecoder(from)
	var version handshake.S0C0
	if err := in.DecodeS0C0(&version); err != nil {
		var timeout interface{ Timeout() bool }
		if errors.Is(err, io.EOF) || errors.As(err, &timeout) && timeout.Timeout() {
			return ErrNoData
		}
		return err
	}
	if byte(version) == policyRequest[0] && c.cfg.Policy != nil {
		return c.answerPolicyRequest(from)
	}
	if err := checkVersion(byte(version)); err != nil {
		return err
	}
	var c1 handshake.S1C1
	if err := in.DecodeS1C1(&c1); err != nil {
		return unexpected(err)
	}
	if err := c.answerHandshake(&c1); err != nil {
		return err
	}
	from.left += packetSize
	// What C2 echoes is not looked at: digest clients echo something else.
	var c2 handshake.S2C2
	return unexpected(in.DecodeS2C2(&c2))
}

// answerHandshake sends S0, S1 and S2.
func (c *Conn) answerHandshake(c1 *handshake.S1C1) error {
	if c1.Version != [4]byte{} { // only clients that sign say theirs
		packet := binary.BigEndian.AppendUint32(make([]byte, 0, packetSize), c1.Time)
		packet = append(append(packet, c1.Version[:]...), c1.Random[:]...)
		if digest, scheme, ok := findDigest(packet); ok {
			s1, s2, err := digestAnswer(digest, scheme)
			if err != nil {
				return err
			}
			return c.writeRaw(append(append([]byte{protocolVersion}, s1...), s2...))
		}
	}
	s1, err := newS1C1()
	if err != nil {
		return err
	}
	// An exact echo: librtmp compares all of it.
	s2 := handshake.S2C2{Time: c1.Time, Time2: binary.BigEndian.Uint32(c1.Version[:]), Random: c1.Random}
	return c.writeHandshake(s1, &s2)
}

func (c *Conn) clientHandshake() error {
	c1, err := newS1C1()
	if err != nil {
		return err
	}
	if err := c.writeHandshake(c1, nil); err != nil {
		return err
	}
	in := handshake.NewDecoder(newCounted(c, handshakeBytes))
	var version handshake.S0C0
	if err := in.DecodeS0C0(&version); err != nil {
		return unexpected(err)
	}
	if err := checkVersion(byte(version)); err != nil {
		return err
	}
	var s1 handshake.S1C1
	if err := in.DecodeS1C1(&s1); err != nil {
		return unexpected(err)
	}
	var s2 handshake.S2C2
	if err := in.DecodeS2C2(&s2); err != nil {
		return unexpected(err)
	}
	c2 := handshake.S2C2{Time: s1.Time, Time2: binary.BigEndian.Uint32(s1.Version[:]), Random: s1.Random}
	return c.writeHandshake(nil, &c2)
}

func checkVersion(v byte) error {
	switch {
	case v == protocolVersion:
		return nil
	case v == 6 || v == 8 || v == 9:
		return ErrEncrypted
	case v == 'F': // with which a link begins, and no method of HTTP
		return fmt.Errorf("%w: the first byte is %q, as of an edge (links need --link-key-file here, and go to --link-address alone where that is set)", ErrNotRTMP, v)
	case v >= ' ':
		return fmt.Errorf("%w: the first byte is %q (HTTP has another port)", ErrNotRTMP, v)
	}
	return fmt.Errorf("%w: version %d", ErrNotRTMP, v)
}

func newS1C1() (*handshake.S1C1, error) {
	s := &handshake.S1C1{}
	if _, err := rand.Read(s.Random[:]); err != nil {
		return nil, err
	}
	return s, nil
}

// writeHandshake sends version and first in one write with second, as far as
// they are given: with few small packets a handshake takes one round trip.
func (c *Conn) writeHandshake(first *handshake.S1C1, second *handshake.S2C2) error {
	var b bytes.Buffer
	out := handshake.NewEncoder(&b)
	if first != nil {
		version := handshake.S0C0(protocolVersion)
		if err := out.EncodeS0C0(&version); err != nil {
			return err
		}
		if err := out.EncodeS1C1(first); err != nil {
			return err
		}
	}
	if second != nil {
		if err := out.EncodeS2C2(second); err != nil {
			return err
		}
	}
	return c.writeRaw(b.Bytes())
}

func (c *Conn) writeRaw(b []byte) error {
	n, err := c.nc.Write(b)
	c.sent.Add(uint64(n))
	return err
}
