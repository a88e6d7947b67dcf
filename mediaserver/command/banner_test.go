package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/server"
)

// What the banner has to paste shows the key where playing needs one, and is not there
// where nobody may play.
func TestBannerOfWhoMayPlay(t *testing.T) {
	t.Parallel()
	for mode, c := range map[string]struct{ has, lacks string }{
		"Anyone": {"/-/studio/app/one/test\n    browser", "ffplay \"rtmp"},
		"Key":    {"/-/watch/app/one/test?key=KEY", "ffplay rtmp"},
		"Nobody": {"nobody may", "ffplay"},
	} {
		docs, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\n"+
			"spec: {application: app, web: {}, access: {play: {mode: "+mode+"}}}"), "test")
		if err != nil {
			t.Fatal(err)
		}
		const free = "127.0.0.1:0"
		s, err := server.New(server.Config{Data: t.TempDir(), RTMPAddress: free, HTTPAddress: free, WebAddress: free}, docs)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		banner(&out, s, "test")
		over, end := context.WithCancel(t.Context())
		end()
		if err := s.Run(over); err != nil {
			t.Error(err)
		}
		if said := out.String(); !strings.Contains(said, "/-/studio/app/one/test\n") {
			t.Errorf("%s: no studio in\n%s", mode, said)
		} else if !strings.Contains(said, c.has) || strings.Contains(said, c.lacks) {
			t.Errorf("%s: no %q, or %q, in\n%s", mode, c.has, c.lacks, said)
		}
	}
}

// With a port of TLS the banner has the addresses of the web twice.
func TestBannerOfHTTPS(t *testing.T) {
	t.Parallel()
	docs, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: {application: app, web: {}}"), "test")
	if err != nil {
		t.Fatal(err)
	}
	const free = "127.0.0.1:0"
	none := filepath.Join(t.TempDir(), "none")
	s, err := server.New(server.Config{Data: t.TempDir(), RTMPAddress: free, HTTPAddress: free, WebAddress: free, RTMPSAddress: free, TLSCertFile: none, TLSKeyFile: none}, docs)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	banner(&out, s, "test")
	over, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(over); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"https://" + s.RTMPSAddr().String() + "/-/watch/app/one/test\n", "wss://" + s.RTMPSAddr().String() + "/-/rtmp "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// An application without a manifest has pages, too, in its default instance.
func TestBannerOfAnApplication(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "chat"), 0o755); err != nil {
		t.Fatal(err)
	}
	const free = "127.0.0.1:0"
	s, err := server.New(server.Config{Applications: folder, RTMPAddress: free, HTTPAddress: free, WebAddress: free}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	banner(&out, s, "test")
	over, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(over); err != nil {
		t.Error(err)
	}
	web := "http://" + s.WebAddr().String()
	for _, want := range []string{"studio      " + web + "/-/studio/chat/test\n", "browser     " + web + "/-/watch/chat/test\n", ", or TCP\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// An edge has no names of its own: its banner says how addresses are made.
func TestBannerOfAnEdge(t *testing.T) {
	t.Parallel()
	const free = "127.0.0.1:0"
	key := filepath.Join(t.TempDir(), "link.key")
	if err := os.WriteFile(key, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{EdgeOf: "192.0.2.1:1935", LinkKeyFile: key, RTMPAddress: free, HTTPAddress: free, WebAddress: free}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	banner(&out, s, "test")
	over, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(over); err != nil {
		t.Error(err)
	}
	web := "http://" + s.WebAddr().String()
	for _, want := range []string{"edge of     rtmp://192.0.2.1:1935\n", web + "/-/watch/APPLICATION/INSTANCE/NAME\n", web + "/-/studio/APPLICATION/INSTANCE/NAME\n", web + "/APPLICATION/INSTANCE/NAME.flv"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
