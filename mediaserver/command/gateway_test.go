package command

import (
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// What is wrong with routes ends a gateway before anything is served, and its last line
// says where.
func TestGatewaySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := servertest.WriteFiles(t, t.TempDir(),
		"routes.yaml", "routes: [{name: lobby, application: chat, origin: 'here'}]",
		"short.yaml", "routes: [{name: lobby, application: chat, origin: '127.0.0.1:1', linkKey: short}]")
	for file, want := range map[string]string{
		"routes.yaml": `routes[0] lobby: origin "here": it is HOST:PORT`,
		"short.yaml":  "route lobby: link key: it has 5 characters, and needs 16",
	} {
		last := lastLine(t, "gateway", "--routes", filepath.Join(dir, file), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
		if !strings.HasPrefix(last, "flashpod: gateway: ") || !strings.Contains(last, want) {
			t.Errorf("%s: the last line is %q", file, last)
		}
	}
}
