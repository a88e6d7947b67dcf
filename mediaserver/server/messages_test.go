package server

import (
	"strings"
	"testing"
)

// What a manifest says of the size of messages holds.
func TestMaxMessageSize(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxMessageSize: 65536}}",
		"{application: app, instance: two, access: {publish: {mode: Anyone}}}")
	const fails = "_error NetConnection.Call.Failed"
	for _, c := range []struct {
		instance string
		size     int
		want     string
	}{
		{"one", 60 << 10, fails}, {"one", 70 << 10, "end"}, {"two", 500 << 10, fails}, {"two", 1 << 20, "end"},
	} {
		p := connect(t, s, "app/"+c.instance).hello()
		_ = p.conn.SendCommand(0, "aMethod", 5, nil, strings.Repeat("x", c.size)) // it may be closed meanwhile
		p.expect(c.want)
	}
}
