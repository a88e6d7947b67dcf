//go:build e2e

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// All that browsers do in a room, through its Ingress and in a real one: two pages chat
// through a shared object and a script, one publishes, the other watches in every way and
// seeks in the recording, and the console sees it.
//
// It is not run beside others: the browser encodes and decodes by software.
func TestWholeByTheIngress(t *testing.T) {
	const host, root = "live.example.com", "../../.."
	failed := ""
	t.Cleanup(func() { // behind all that others say at the end
		if failed != "" {
			t.Error(failed)
		}
	})
	w := newWorld(t, "e2e-whole")
	var script []byte
	for _, file := range []string{"config/samples/applications/chatRoom/main.asc", "mediaserver/web/sdk/test/whole.asc"} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		script = append(append(script, b...), '\n')
	}
	main := filepath.Join(t.TempDir(), "main.asc")
	if err := os.WriteFile(main, script, 0o600); err != nil {
		t.Fatal(err)
	}
	w.kubectl("create", "configmap", "whole-script", "--from-file", main)
	cert, key := w.certificate("live-tls", host)
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: lobby}\n" +
		"spec: {application: chatRoom, script: {configMap: {name: whole-script}}, access: {publish: {mode: Anyone}}, " +
		"web: {hostname: " + host + ", ingressClassName: nginx, tls: {secretName: live-tls}, allowedOrigins: ['*']}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.ready("lobby")
	in := &networkingv1.Ingress{}
	if err := json.Unmarshal([]byte(w.kubectl("get", "ingress", "lobby", "-o", "json")), in); err != nil {
		t.Fatal(err)
	}
	c := playIngress(t, in, w.servicePort, func(string) (_, _ []byte) { return cert, key })
	control := w.forward("lobby-0", "8080")

	room, err := json.Marshal(map[string]any{
		"web": "https://" + host, "path": "chatRoom/lobby", "key": "", "ways": []string{"rtmp", "hls"},
		"console": map[string]string{
			"url":   "http://" + control,
			"token": w.kubectl("get", "secret", "lobby-console", "-o", "go-template={{.data.admin | base64decode}}"),
		},
		"args": []string{"--ignore-certificate-errors"}, "resolve": "MAP " + host + ":443 " + c.secure,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "hack/sdk/sdk.sh", "test", "whole")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ROOM="+string(room))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "pass 1") {
		failed = why(string(out), err)
		t.FailNow()
	}
	_, times, _ := strings.Cut(string(out), "\u2139 Anna joins")
	times, _, _ = strings.Cut(times, "\n")
	t.Logf("Anna joins%s", times)
}

// why is what the runner of page tests says in the end of those that failed, at most forty lines.
func why(out string, err error) string {
	const end = "failing tests:"
	if at := strings.LastIndex(out, end); at >= 0 {
		out = out[at+len(end):]
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return fmt.Sprintf("%v\n%s", err, strings.Join(lines[:min(len(lines), 40)], "\n"))
}
