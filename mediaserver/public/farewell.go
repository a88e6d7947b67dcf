package public

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxReason is the most that a close frame has to say, in bytes [RFC 6455 §5.5, §5.5.1].
const maxReason = 123

// endings are the codes of close frames [RFC 6455 §7.4.1; 1013 by IANA's registry] for why a
// connection ends, and what they say where nobody has words for the client.
var endings = []struct {
	why   error
	code  websocket.StatusCode
	words string
}{
	{rtmp.ErrGoingAway, websocket.StatusGoingAway, "The application goes away."},
	{rtmp.ErrRefused, websocket.StatusPolicyViolation, "The connection is refused."},
	{rtmp.ErrDismissed, websocket.StatusPolicyViolation, "The connection was ended by the server."},
	{rtmp.ErrFull, websocket.StatusTryAgainLater, "There is no room now: try again later."},
	{rtmp.ErrUsedUp, websocket.StatusTryAgainLater, "The server has no room for it now: try again later."},
	{rtmp.ErrSilent, websocket.StatusPolicyViolation, "Nothing was heard of the client for too long."},
	{rtmp.ErrSlow, websocket.StatusPolicyViolation, "The client takes less than it is sent."},
	{rtmp.ErrEndless, websocket.StatusPolicyViolation, "A message of the client's does not end."},
	{os.ErrDeadlineExceeded, websocket.StatusPolicyViolation, "The client was too slow."},
	{rtmp.ErrTooBig, websocket.StatusMessageTooBig, "A message of the client's is too big."},
	{io.EOF, websocket.StatusNormalClosure, ""},
	{net.ErrClosed, websocket.StatusNormalClosure, ""},
	{rtmp.ErrNoData, websocket.StatusNormalClosure, ""},
}

// closing is what a close frame says of an error: its own words where they are for the
// client, and else nothing that is not known beforehand.
func closing(why error) (code websocket.StatusCode, words string) {
	code, words = websocket.StatusProtocolError, "The server does not take what the client has sent."
	for _, e := range endings {
		if errors.Is(why, e.why) {
			code, words = e.code, e.words
			break
		}
	}
	if own := (*rtmp.Farewell)(nil); errors.As(why, &own) && own.Words != "" {
		words = own.Words
	}
	return code, short(words)
}

// short is as much of a text as a close frame has room for, in UTF-8.
func short(words string) string {
	words = strings.ToValidUTF8(words, "\uFFFD")
	if len(words) <= maxReason {
		return words
	}
	const more = "…"
	n := maxReason - len(more)
	for !utf8.RuneStart(words[n]) {
		n--
	}
	return words[:n] + more
}

// Farewell names to what serves a connection why that ends; see rtmp.Conn.
func Farewell(nc net.Conn, why error) {
	if c, ok := nc.(interface{ Farewell(why error) }); ok {
		c.Farewell(why)
	}
}
