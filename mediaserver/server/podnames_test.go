package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// In a pod HTTP answers to what the cluster calls it and its Services, whatever the
// cluster's own domain is, and to nothing that a stranger could be called.
func TestNamesOfHTTPInAPod(t *testing.T) {
	t.Parallel()
	for _, domain := range []string{".cluster.local", ".k8s.example.com", ""} {
		hosts := filepath.Join(t.TempDir(), "hosts")
		// As kubelet writes it.
		text := "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"127.0.0.1\tlobby-0.lobby-origin.dev.svc" + domain + "\tlobby-0\n192.0.2.7\tother-0.other-origin.prod.svc.cluster.local\n"
		if err := os.WriteFile(hosts, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := runWith(t, Config{hosts: hosts, HTTPNames: []string{"media.example.com"}}, open)
		names := map[string]int{
			"lobby-0":                          http.StatusOK,
			"lobby-origin":                     http.StatusOK,
			"lobby-origin.dev":                 http.StatusMisdirectedRequest,
			"lobby-origin.dev.svc":             http.StatusOK,
			"Lobby-Origin.Dev.SVC:8080":        http.StatusOK,
			"lobby-0.lobby-origin":             http.StatusMisdirectedRequest,
			"lobby-0.lobby-origin.dev":         http.StatusMisdirectedRequest,
			"lobby-0.lobby-origin.dev.svc":     http.StatusOK,
			"scraped.dev.svc":                  http.StatusOK, // a Service of a user's own
			"media.example.com":                http.StatusOK,
			"evil.dev":                         http.StatusMisdirectedRequest, // dev is a domain of the internet, too
			"lobby-origin.dev.example.com":     http.StatusMisdirectedRequest,
			"lobby-origin.dev.svc.example.com": http.StatusMisdirectedRequest,
			"lobby-origin.prod":                http.StatusMisdirectedRequest,
			"scraped.prod.svc":                 http.StatusMisdirectedRequest,
			"evildev.svc":                      http.StatusMisdirectedRequest,
			"dev.svc":                          http.StatusMisdirectedRequest,
			"other-0":                          http.StatusMisdirectedRequest,
			"other-origin.prod.svc":            http.StatusMisdirectedRequest,
			"x.media.example.com":              http.StatusMisdirectedRequest,
		}
		if domain != "" {
			names["lobby-origin.dev.svc"+domain] = http.StatusOK
			names["lobby-0.lobby-origin.dev.svc"+domain+".:8080"] = http.StatusOK
			names["scraped.dev.svc"+domain] = http.StatusOK
			names["scraped.prod.svc"+domain] = http.StatusMisdirectedRequest
			names["scraped"+domain] = http.StatusMisdirectedRequest
			names["lobby-origin.dev"+domain] = http.StatusMisdirectedRequest
		}
		for host, want := range names {
			if got := status(t, askHTTP(t, s, fmt.Sprintf("GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", host))); got != want {
				t.Errorf("in svc%s, %q: %d, want %d", domain, host, got, want)
			}
		}
	}
}

// What looks like a pod's name is taken apart, and nothing else.
func TestPodName(t *testing.T) {
	t.Parallel()
	for full, want := range map[string]string{
		"p.s.n.svc":                "p s n ",
		"p.s.n.svc.cluster.local":  "p s n cluster.local",
		"p.s.n.svc.local":          "p s n local",
		"p.s.n.svcs.cluster.local": "",
		"p.n.svc.cluster.local":    "",
		"p":                        "",
		"":                         "",
		"..n.svc.cluster.local":    "",
		"p.s.n.svc.":               "",
	} {
		pod, service, namespace, domain, ok := podName(full)
		if got := strings.Join([]string{pod, service, namespace, domain}, " "); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", full, got, ok)
		}
	}
}
