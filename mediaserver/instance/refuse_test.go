package instance

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
)

// All are counted, and told with who asked for what.
func TestRefusedPublicationsAreCounted(t *testing.T) {
	i, _ := newInstance(t, nil)
	var log bytes.Buffer
	i.log = slog.New(slog.NewTextHandler(&log, nil))
	const many = 30
	for range many {
		i.Refused(session.PublishRequest{Client: session.Client{ID: "abc", Address: "192.0.2.1:5"}, Name: "cam;key=SECRET"},
			&session.Refusal{Code: session.RefusedWrongKey})
	}
	i.Refused(session.PublishRequest{}, &session.Refusal{Code: session.RefusedTaken})
	r := i.Stats().Refused
	if r[session.RefusedWrongKey] != many || r[session.RefusedTaken] != 1 || len(r) != len(RefusedPublications) {
		t.Errorf("counted %v", r)
	}
	if n := strings.Count(log.String(), `address=192.0.2.1:5 stream="cam;key=***" reason="wrong key"`); n != many {
		t.Errorf("told of %d:\n%s", n, &log)
	}
}
