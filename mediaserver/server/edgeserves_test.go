package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// An edge with a manifest serves what that is about and nothing else, whatever way somebody
// comes, and so do edges behind it.
func TestEdgeServesWhatItsManifestIsAbout(t *testing.T) {
	t.Parallel()
	const other = "{application: live, instance: one, access: {publish: {mode: Anyone}}}"
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	film(t, data, "live/streams/one/film")
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{Data: data, LinkKeyFile: key, WebAddress: anyAddress}, open, other)
	middle, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, LinkAddress: anyAddress, WebAddress: anyAddress}, open)
	behind, _ := runWith(t, Config{EdgeOf: middle.LinkAddr().String(), LinkKeyFile: key, WebAddress: anyAddress})
	plain := edgeOf(t, of, key)
	for _, app := range []string{"app", "live"} {
		shoot(t, connect(t, of, app+"/one").hello(), "cam")
	}
	paths := []string{"/cam/index.m3u8", "/film/index.m3u8", "/film.mp4"}
	for _, s := range []*Server{middle, behind, plain} {
		for _, at := range paths {
			fetched(t, s, "/app/one"+at, func(status int, _ string) bool { return status == http.StatusOK })
		}
	}
	for _, at := range paths {
		fetched(t, plain, "/live/one"+at, func(status int, _ string) bool { return status == http.StatusOK })
	}
	if _, said := servertest.Ask(t, http.MethodGet, "http://"+behind.HTTPAddr().String()+"/instances"); !strings.Contains(said, `"elsewhere":"this is an edge`) && !strings.Contains(said, `"elsewhere": "this is an edge`) {
		t.Errorf("an edge lists instances as %s", said)
	}
	for name, s := range map[string]*Server{"the edge": middle, "an edge behind it": behind} {
		connect(t, s, "live/one").expect("_error NetConnection.Connect.InvalidApp", "close []", "end")
		for _, at := range append(paths, "/cam.flv", "/film.flv") {
			if status, _, said := page(t, s, "/live/one"+at, ""); status != http.StatusNotFound {
				t.Errorf("%s, %s: %d %.80s", name, at, status, said)
			}
		}
		if status, said := servertest.Ask(t, http.MethodHead, "http://"+s.WebAddr().String()+"/live/one/film.mp4"); status != http.StatusNotFound {
			t.Errorf("%s, HEAD: %d %s", name, status, said)
		}
		if _, status, said := watchRTC(t, s, "/-/whep/live/one/cam"); status != http.StatusNotFound {
			t.Errorf("%s, WHEP: %d %s", name, status, said)
		}
	}
}

// Who has gone from an edge has gone from the servers behind it: one request for a piece of a
// recording takes no place there longer than at the edge.
func TestViewersLeaveTheOriginWithTheirEdge(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{Data: data, LinkKeyFile: key, viewerIdle: time.Hour}, open)
	middle, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, LinkAddress: anyAddress, viewerIdle: time.Hour})
	behind, _ := runWith(t, Config{EdgeOf: middle.LinkAddr().String(), LinkKeyFile: key, WebAddress: anyAddress, viewerIdle: time.Millisecond})
	for _, at := range []string{"/app/one/film.mp4", "/app/one/film/index.m3u8"} {
		fetched(t, behind, at, func(status int, _ string) bool { return status == http.StatusOK })
	}
	servertest.Eventually(t, "they were there, and have gone", func() bool {
		return metric(t, of, `flashpod_connections{application="app",instance="one"} 0`) && !metric(t, of, `flashpod_viewers_total{application="app",instance="one"} 0`)
	})
}
