package httpflv

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// Opcodes of frames [RFC 6455 §5.2].
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// Codes of a close frame [RFC 6455 §7.4.1].
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closeNoCode    = 1005 // is never sent: the frame had none
	closePolicy    = 1008
	closeTooBig    = 1009
	closeInternal  = 1011
)

// maxControl is the most that a control frame carries [RFC 6455 §5.5].
const maxControl = 125

// maxClientMessage is the most that a viewer may say in a message. There is nothing
// that it could say; some send a word now and then, to keep proxies from closing.
const maxClientMessage = 4096

// wantsWebSocket says whether a request is for a WebSocket.
func wantsWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// hasToken says whether a header is a list that has a word.
func hasToken(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(one), word) {
				return true
			}
		}
	}
	return false
}

// acceptKey is what proves to a client that its handshake was understood [RFC 6455
// §4.2.2]. It fails with an *outlet.Refusal where it was none.
func acceptKey(w http.ResponseWriter, r *http.Request) (string, error) {
	key := strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key"))
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet, !hasToken(r.Header, "Connection", "upgrade"):
		return "", outlet.Refuse(http.StatusBadRequest, "the request is for a WebSocket, but no GET with Connection: Upgrade: does a proxy drop it?")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		return "", outlet.Refuse(http.StatusUpgradeRequired, "the version of WebSockets here is 13")
	case err != nil || len(raw) != 16:
		return "", outlet.Refuse(http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64")
	}
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid)) // what the protocol wants: no secret is kept by it
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// closeError is why a WebSocket is closed: what a close frame says.
type closeError struct {
	code   uint16
	reason string
}

// Error implements error.
func (e *closeError) Error() string {
	return fmt.Sprintf("WebSocket closed (%d): %s", e.code, e.reason)
}

// append appends the close frame.
func (e *closeError) append(dst []byte) []byte {
	if e.code == closeNoCode {
		return appendFrameHeader(dst, opClose, 0)
	}
	reason := e.reason[:min(len(e.reason), maxControl-2)]
	dst = appendFrameHeader(dst, opClose, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, e.code), reason...)
}

// frames reads what a client says in a WebSocket, wherever it is cut. It keeps nothing
// but the header and, of a control frame, the payload. The zero value stands before
// the first frame.
type frames struct {
	header [14]byte
	have   int // bytes of the header
	inside bool

	op      byte // of the frame that is read
	masked  [4]byte
	left    uint64 // bytes of its payload that have not come
	at      int    // bytes that have
	control [maxControl]byte

	open    bool   // a message goes on behind its frame
	message uint64 // bytes of that
}

// feed reads what has come. heard is told of each control frame; its payload is valid
// during the call. It fails with a *closeError, and so as heard does, and is not
// called again then.
func (f *frames) feed(b []byte, heard func(op byte, payload []byte) error) error {
	for len(b) > 0 {
		if !f.inside {
			n, err := f.readHeader(b)
			if err != nil {
				return err
			}
			if b = b[n:]; !f.inside {
				return nil
			}
		}
		n := int(min(f.left, uint64(len(b))))
		if f.op >= opClose {
			for _, c := range b[:n] {
				f.control[f.at] = c ^ f.masked[f.at%4]
				f.at++
			}
		}
		b = b[n:]
		if f.left -= uint64(n); f.left > 0 {
			return nil
		}
		f.inside, f.have = false, 0
		if f.op >= opClose {
			if err := heard(f.op, f.control[:f.at]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readHeader reads the header of a frame, or a part of it, and returns how much of b
// that was. f.inside says that it is whole.
func (f *frames) readHeader(b []byte) (n int, err error) {
	for n < len(b) {
		f.header[f.have] = b[n]
		f.have++
		n++
		if f.have < 2 {
			continue
		}
		size := 2 + 4 // with the mask
		switch f.header[1] & 0x7f {
		case 126:
			size += 2
		case 127:
			size += 8
		}
		if f.have == 2 {
			if err := f.check(); err != nil {
				return n, err
			}
		}
		if f.have == size {
			return n, f.begin(size)
		}
	}
	return n, nil
}

// check looks at the first two bytes of a header [RFC 6455 §5.2, §5.4, §5.5].
func (f *frames) check() error {
	const final, reserved, masked = 0x80, 0x70, 0x80
	f.op = f.header[0] & 0x0f
	whole := f.header[0]&final != 0
	switch {
	case f.header[0]&reserved != 0:
		return &closeError{closeProtocol, "a bit is set that no extension has asked for"}
	case f.header[1]&masked == 0:
		return &closeError{closeProtocol, "a client's frames are masked"}
	}
	switch f.op {
	case opClose, opPing, opPong:
		if !whole || f.header[1]&0x7f > maxControl {
			return &closeError{closeProtocol, "a control frame is whole, and of 125 bytes at most"}
		}
		return nil
	case opContinuation:
		if !f.open {
			return &closeError{closeProtocol, "a frame goes on with no message"}
		}
	case opText, opBinary:
		if f.open {
			return &closeError{closeProtocol, "a message begins within another"}
		}
		f.message = 0
	default:
		return &closeError{closeProtocol, "a frame of an unknown kind"}
	}
	f.open = !whole
	return nil
}

// begin takes a header of size bytes that is whole.
func (f *frames) begin(size int) error {
	copy(f.masked[:], f.header[size-4:size])
	f.left, f.at, f.inside = uint64(f.header[1]&0x7f), 0, true
	switch f.left {
	case 126:
		if f.left = uint64(binary.BigEndian.Uint16(f.header[2:])); f.left < 126 {
			return &closeError{closeProtocol, "a length takes more bytes than it needs"}
		}
	case 127:
		if f.left = binary.BigEndian.Uint64(f.header[2:]); f.left < 1<<16 || f.left>>63 != 0 {
			return &closeError{closeProtocol, "a length takes more bytes than it needs, or is negative"}
		}
	}
	if f.op < opClose {
		if f.left > maxClientMessage || f.message+f.left > maxClientMessage {
			return &closeError{closeTooBig, fmt.Sprintf("a viewer has nothing to say, and %d bytes for it", maxClientMessage)}
		}
		f.message += f.left
	}
	return nil
}

// answerClose is what is said to a client that closes [RFC 6455 §5.5.1].
func answerClose(payload []byte) *closeError {
	if len(payload) == 0 {
		return &closeError{code: closeNoCode}
	}
	if len(payload) == 1 {
		return &closeError{closeProtocol, "a close frame with half a code"}
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006, code >= 3000 && code <= 4999:
		return &closeError{code: code}
	}
	return &closeError{closeProtocol, "a close frame with a code that there is not"}
}
