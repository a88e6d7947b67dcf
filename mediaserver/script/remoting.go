package script

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Flash Remoting: calls as an envelope in AMF0, sent by POST (AMF 0 specification §4).

const remotingType = "application/x-amf"

// envelopeHeader is what stands before the calls of an envelope.
type envelopeHeader struct {
	Name  string
	Must  bool // whoever does not know it must not go on
	Value amf.Value
}

// envelopeBody is a call, or what became of one.
type envelopeBody struct {
	Target   string // a call's service and method; /N/onResult or /N/onStatus of an answer
	Response string // a call's /N
	Value    amf.Value
}

type envelope struct {
	Headers []envelopeHeader
	Bodies  []envelopeBody
}

var (
	// errNoEnvelope: it begins as none, as a page that says what went wrong.
	errNoEnvelope = errors.New("the answer is no envelope of Flash Remoting: see what the gateway says when it is asked by a browser")
	errEnvelope   = errors.New("the answer's envelope ends too early")
)

// maxEnvelope is how many headers, and how many bodies, an envelope may have.
const maxEnvelope = 100

// appendEnvelope writes an envelope of version 0. A name is at most 65535 bytes long.
func appendEnvelope(dst []byte, e envelope) ([]byte, error) {
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.Headers)))
	var err error
	for _, h := range e.Headers {
		if dst, err = appendName(dst, h.Name); err != nil {
			return nil, err
		}
		must := byte(0)
		if h.Must {
			must = 1
		}
		if dst, err = appendSized(append(dst, must), h.Value); err != nil {
			return nil, fmt.Errorf("header %s: %w", h.Name, err)
		}
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.Bodies)))
	for _, b := range e.Bodies {
		if dst, err = appendName(dst, b.Target); err != nil {
			return nil, err
		}
		if dst, err = appendName(dst, b.Response); err != nil {
			return nil, err
		}
		if dst, err = appendSized(dst, b.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Target, err)
		}
	}
	return dst, nil
}

func appendName(dst []byte, name string) ([]byte, error) {
	if len(name) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: a name of %d bytes", amf.ErrInvalid, len(name))
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(name))), name...), nil
}

// appendSized writes a value behind its size.
func appendSized(dst []byte, v amf.Value) ([]byte, error) {
	at := len(dst)
	dst, err := amf.Append(append(dst, 0, 0, 0, 0), v)
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

// envelopeReader takes an envelope apart. Sizes that it says of values are not relied
// on: many gateways write what they like there.
type envelopeReader struct {
	b    []byte
	most int // of each value, written out
}

// readEnvelope reads an envelope that a gateway has answered with. Its values are no
// larger than so many bytes each, written out (see amf.DecodeWithin).
func readEnvelope(b []byte, most int) (envelope, error) {
	r := envelopeReader{b: b, most: most}
	var e envelope
	// 0 is AMF0, 1 what Flash Communication Server called itself, 3 AMF3.
	if v, err := r.number(); err != nil || v > 3 || v == 2 {
		return e, errNoEnvelope
	}
	n, err := r.count()
	for range n {
		h := envelopeHeader{}
		if h.Name, err = r.name(); err != nil {
			return e, err
		}
		if len(r.b) < 5 {
			return e, errEnvelope
		}
		h.Must = r.b[0] != 0
		r.b = r.b[5:]
		if h.Value, err = r.value(); err != nil {
			return e, fmt.Errorf("header %q: %w", h.Name, err)
		}
		e.Headers = append(e.Headers, h)
	}
	if err != nil {
		return e, err
	}
	n, err = r.count()
	for range n {
		b := envelopeBody{}
		if b.Target, err = r.name(); err != nil {
			return e, err
		}
		if b.Response, err = r.name(); err != nil {
			return e, err
		}
		if len(r.b) < 4 {
			return e, errEnvelope
		}
		r.b = r.b[4:]
		if b.Value, err = r.value(); err != nil {
			return e, fmt.Errorf("%q: %w", b.Target, err)
		}
		e.Bodies = append(e.Bodies, b)
	}
	return e, err
}

func (r *envelopeReader) number() (int, error) {
	if len(r.b) < 2 {
		return 0, errEnvelope
	}
	n := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return int(n), nil
}

func (r *envelopeReader) count() (int, error) {
	n, err := r.number()
	if err == nil && n > maxEnvelope {
		return 0, fmt.Errorf("the answer's envelope has %d parts of a kind, and may have %d", n, maxEnvelope)
	}
	return n, err
}

func (r *envelopeReader) name() (string, error) {
	n, err := r.number()
	if err != nil || n > len(r.b) {
		return "", errEnvelope
	}
	s := strings.ToValidUTF8(string(r.b[:n]), "\ufffd")
	r.b = r.b[n:]
	return s, nil
}

// value takes a value, which refers to none but what is in it.
func (r *envelopeReader) value() (amf.Value, error) {
	one, err := amf.NewMessage(r.most).Decode(r.b)
	if err != nil {
		return nil, err
	}
	r.b = r.b[one.Bytes:]
	return one.Value, nil
}

// answerTo says which call an answer is to, and how it ended: /N/onResult, /N/onStatus.
func answerTo(target string) (call int, how string, ok bool) {
	number, how, ok := strings.Cut(strings.TrimPrefix(target, "/"), "/")
	if !ok {
		return 0, "", false
	}
	call, err := strconv.Atoi(number)
	return call, how, err == nil
}
