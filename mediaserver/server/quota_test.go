package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestQuotaIsTold publishes more than may be recorded: it is live, and its
// publisher hears which field says so.
func TestQuotaIsTold(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}}, recording: {maxFiles: 1}}")
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, p, 0)
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	p.on(1, "publish", "next", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	info := p.expect("onStatus NetStream.Record.Failed")
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "spec.recording.maxFiles is 1") {
		t.Errorf("%v", said)
	}
	audio(t, p, 0)
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Unpublish.Success")
}
