package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// What a manifest says of pages is about its own instance: about the paths of its
// streams, and about who connects to it in a WebSocket, which belongs to none before.
func TestOriginsOfInstances(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, name := range []string{"app/streams/one", "app/streams/one/deep", "many/streams/room"} {
		film := append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)
		servertest.WriteFLV(t, filepath.Join(data, name, "film.flv"), film...)
	}
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, WebOrigins: []string{"https://all.example"}},
		"{application: app, instance: one, web: {allowedOrigins: [https://one.example]}}",
		"{application: app, instance: one/deep}",
		"{application: app, instance: named, web: {hostname: live.example}}",
		"{application: many, instance: one, onDemandInstances: true, web: {allowedOrigins: [https://many.example]}}",
		"{application: many, instance: closed}")
	insideWeb(t, s, "many/room") // has it started

	const one, many, all, own, evil = "https://one.example", "https://many.example", "https://all.example", "https://live.example", "https://evil.example"
	for app, lets := range map[string][]string{
		"app/one":      {all, one},
		"app/one/deep": {all},
		"app/named":    {all, own},
		"many/one":     {all, many},
		"many/room":    {all, many},
		"many/new":     {all, many},
		"many/closed":  {all},
	} {
		for _, origin := range []string{one, many, all, own} {
			lets := strings.Contains(strings.Join(lets, " "), origin)
			_, header, _ := page(t, s, "/"+app+"/film/index.m3u8", origin)
			if got := header.Get("Access-Control-Allow-Origin"); (got == origin) != lets {
				t.Errorf("%s: pages of %s may read what is said: %q", app, origin, got)
			}
			nc, err := insideWebOf(t, s, app, origin)
			if (err == nil) != lets || err != nil && !strings.Contains(err.Error(), "pages of "+origin+" may not use this instance: spec.web.allowedOrigins") {
				t.Errorf("%s: a page of %s connects: %v", app, origin, err)
			}
			nc.Close()
		}
	}
	if c, status, said := dialWeb(t, s, evil); c != nil || status != http.StatusForbidden || !strings.Contains(said, "spec.web.allowedOrigins") {
		t.Errorf("%d: %s", status, said)
	}
	servertest.Eventually(t, "it is counted who was refused", func() bool { return s.Refused()["page is not allowed"] > 0 })
}

// A page of the server's own addresses connects to any instance.
func TestOwnPagesOfInstances(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, "{application: app, instance: one, web: {allowedOrigins: [https://one.example]}}")
	nc, err := insideWebOf(t, s, "app/one", "http://"+s.WebAddr().String())
	if err != nil {
		t.Error(err)
	}
	nc.Close()
}
