package rtmp

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Why a script turns a client away stands in the error, and where else it may go.
func TestStatusErrorSaysWhy(t *testing.T) {
	t.Parallel()
	const code = "NetConnection.Connect.Rejected"
	for _, c := range []struct {
		info *amf.Object
		want string
	}{
		{amf.NewObject("code", code), code},
		{amf.NewObject("code", code, "description", "Connection failed."), code + ": Connection failed."},
		{amf.NewObject("code", code, "description", "d", "application", "no ticket"), code + ": d: no ticket"},
		{amf.NewObject("code", code, "description", "Connection failed.", "application", "no ticket"), code + ": Connection failed: no ticket"},
		{amf.NewObject("code", code, "description", "d", "application", amf.NewObject("message", "no ticket")), code + ": d: no ticket"},
		{amf.NewObject("code", code, "description", "same", "application", "same"), code + ": same"},
		{amf.NewObject("code", code, "application", amf.NewArray()), code},
		{
			amf.NewObject("code", code, "description", "d", "ex", amf.NewObject("code", 302, "redirect", "rtmp://b/app")),
			code + ": d: try rtmp://b/app",
		},
	} {
		if got := statusError(c.info).Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := (&StatusError{Code: code}).Error(); got != code {
		t.Errorf("got %q, want %q", got, code)
	}
}
