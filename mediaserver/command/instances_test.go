package command

import (
	"encoding/json"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// TestInstances sees what a server has, and ends a client of it.
func TestInstances(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "onDemandInstances: true, ")
	nc, err := rtmp.Connect(t.Context(), strings.TrimSuffix(s.url, "one")+"a/b/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SharedObject("wall", false).Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := []string{"--url", "http://" + s.HTTPAddr().String()}
	ask := func(args ...string) string {
		t.Helper()
		out, err := flashpod(t.Context(), nil, append(append([]string{"instances"}, args...), at...)...)
		if err != nil {
			out += err.Error()
		}
		return out
	}
	var one wholeInstance
	if err := json.Unmarshal([]byte(ask("info", "app/a/b", "-o", "json")), &one); err != nil || len(one.Clients) != 1 || len(one.SharedObjects) != 1 {
		t.Fatalf("%+v, %v", one, err)
	}
	id := one.Clients[0].ID
	for _, q := range []struct {
		says string
		args []string
	}{
		{"app/a/b", nil},
		{"app/one", []string{"list"}},
		{`"instance": "a/b"`, []string{"--application", "app", "-o", "json"}},
		{"[]\n", []string{"--application", "other", "-o", "json"}},
		{"on demand", []string{"info", "app/a/b"}},
		{id, []string{"info", "app/a/b"}},
		{"wall", []string{"info", "app/a/b"}},
		{"instance app/none: instance app/none does not run here", []string{"info", "app/none"}},
		{`client "none" is not connected`, []string{"kick", "app/a/b", "none"}},
		{"is ended", []string{"kick", "app/a/b", id}},
		{"app/one is unloaded", []string{"unload", "app/one"}},
		{"kick needs CLIENT", []string{"kick", "app/a/b"}},
		{"choose table or json", []string{"-o", "yaml"}},
	} {
		if got := ask(q.args...); !strings.Contains(got, q.says) {
			t.Errorf("%q says %q, without %q", q.args, got, q.says)
		}
	}
	servertest.Eventually(t, "it is unloaded", func() bool { return strings.Contains(ask(), "app/a/b   0") })
}
