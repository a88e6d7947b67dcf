package relay

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/stun/v4"
)

// isRequest says whether a packet is a binding request [RFC 8489 §5].
func isRequest(b []byte) bool {
	const header, bindingRequest = 20, 1
	return len(b) >= header && binary.BigEndian.Uint16(b) == bindingRequest && string(b[4:8]) == "\x21\x12\xa4\x42"
}

// ownHalf is the first half of the USERNAME of a binding request, which is that of the server
// it is for [RFC 8445 §7.2.2]; empty: it has none.
func ownHalf(b []byte) []byte {
	const header, attribute, username = 20, 4, 6
	for b = b[header:]; len(b) >= attribute; {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[attribute:]; n > len(b) {
			return nil
		}
		if kind == username {
			half, _, _ := bytes.Cut(b[:n], []byte(":"))
			return half
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return nil
}

// authentic says whether a binding request was made with the password [RFC 8489 §14.5].
func authentic(b []byte, password string) bool {
	m := stun.Message{Raw: bytes.Clone(b)} // checking writes to it
	return m.Decode() == nil && stun.NewShortTermIntegrity(password).Check(&m) == nil
}
