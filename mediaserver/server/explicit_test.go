package server

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A client may name its origin to an edge, as Flash Media Server has it, where the edge may
// reach that.
func TestExplicitOrigin(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key}, open)
	other, _ := runWith(t, Config{LinkKeyFile: key}, "{application: elsewhere, instance: one, access: {publish: {mode: Anyone}}}")
	own, far := of.RTMPAddr().String(), other.RTMPAddr().String()
	e, _ := runWith(t, Config{EdgeOf: own, LinkKeyFile: key, EdgeMayReach: []string{far, "media.example.com:1936=" + far}})

	connect(t, e, "?rtmp://"+own+"/app/one").hello()
	p := connect(t, e, "?rtmp://"+far+"/elsewhere/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	connect(t, e, "?rtmp://MEDIA.example.com:1936/elsewhere/one").hello()
	servertest.Eventually(t, "they are there", func() bool {
		return other.Stats()[0].Connections == 2 && other.Stats()[0].Streams == 1 && of.Stats()[0].Connections == 1
	})

	connect(t, e, "?rtmp://127.0.0.1/app/one").hello() // where clients come to it, for all they know
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+e.RTMPAddr().String()+"/?rtmp://"+far+"/elsewhere/one/cam?key=none", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	servertest.Eventually(t, "they are there, too", func() bool { return other.Stats()[0].Connections == 3 && of.Stats()[0].Connections == 2 })

	for _, c := range []struct {
		at       *Server
		app, why string
	}{
		{e, "?rtmp://" + far + "/none/one", ""},
		{e, "?rtmp://10.0.0.1/app/one", "does not reach"},
		{e, "?rtmp://10.0.0.1/?rtmp://" + far + "/app/one", "one alone"},
		{e, "?rtmp://user@" + far + "/app/one", "one alone"},
		{e, "?rtmps://" + far + "/app/one", "one alone"},
		{e, "?rtmp://" + far, "one alone"},
		{of, "?rtmp://" + far + "/elsewhere/one", "no edge"},
	} {
		client := connect(t, c.at, c.app)
		word, info := client.next()
		if !strings.HasPrefix(word, "_error NetConnection.Connect.") || !strings.Contains(fmt.Sprint(info), c.why) {
			t.Errorf("%s: %s %v", c.app, word, info)
		}
	}
	if _, err := New(Config{Data: t.TempDir(), EdgeMayReach: []string{far}}, nil); err == nil || !strings.Contains(err.Error(), "--edge-of") {
		t.Errorf("beside no --edge-of: %v", err)
	}
	for _, wrong := range []string{"", "a/b", "a=", "u@h"} {
		if _, err := New(Config{EdgeOf: own, LinkKeyFile: key, EdgeMayReach: []string{wrong}}, nil); err == nil || !strings.Contains(err.Error(), "--edge-may-reach") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
