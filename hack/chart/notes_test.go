package main

import (
	"os/exec"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pasted are the lines of notes that a user would paste, as one script.
func pasted(notes string) string {
	var lines []string
	for line := range strings.Lines(notes) {
		if command, is := strings.CutPrefix(line, "  "); is {
			lines = append(lines, command)
		}
	}
	return strings.Join(lines, "")
}

// TestNotesCanBePasted: every case's notes end with lines that a shell can read.
func TestNotesCanBePasted(t *testing.T) {
	for _, c := range cases {
		if c.fails != "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			rendered, err := c.render(load(t, chartPath(c.chart)))
			must(t, err)
			text := notes(rendered)
			lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
			if last := lines[len(lines)-1]; last != `  ffplay "$URL/cam"` {
				t.Errorf("the notes end with %q", last)
			}
			if strings.Contains(text, "\n\n\n") || strings.Contains(text, "<no value>") {
				t.Errorf("the notes are\n%s", text)
			}
			shell := exec.Command("bash", "-n")
			shell.Stdin = strings.NewReader(pasted(text))
			if out, err := shell.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\n%s", err, out, text)
			}
		})
	}
}

// TestNotesOfInstance: they say what publishing needs, of this very instance.
func TestNotesOfInstance(t *testing.T) {
	for _, test := range []struct {
		values  string
		has     []string
		lacking []string
	}{
		{"", []string{"secret lobby-publish-key --namespace team-a", `"$URL/cam?key=$KEY"`}, nil},
		{"{name: hall, spec: {access: {publish: {secretName: ours}}}}", []string{"appinstance hall ", "secret ours --namespace team-a"}, nil},
		{"spec: {access: {publish: {mode: Anyone}}}", []string{"anyone may", `-f flv "$URL/cam"`}, []string{"KEY", "WEB"}},
		{"{spec: {web: {}, access: {play: {mode: Key}}}}", []string{`ffplay "$URL/cam?key=$KEY"`, `"$WEB/cam/index.m3u8?key=$KEY"`}, nil},
		{"", []string{"port-forward lobby-0 --namespace team-a 8080:8080", "secret lobby-console --namespace team-a"}, nil},
		{"{spec: {image: mine:1}}", nil, []string{"console"}},
		{"{spec: {image: mine:1, console: {}}}", []string{"secret lobby-console"}, nil},
		{"{spec: {console: {mode: None}}}", nil, []string{"console"}},
		{"{spec: {web: {}}}", []string{".status.webURL", `"$WEB/cam/index.m3u8"`}, nil},
	} {
		t.Run(test.values, func(t *testing.T) {
			clean(t)
			withDefinition(t)
			text, err := helm4{}.install("lobby", "team-a", chartPath("flashpod-instance"), test.values)
			must(t, err)
			for _, want := range test.has {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			for _, not := range test.lacking {
				if strings.Contains(text, not) {
					t.Errorf("%q is in\n%s", not, text)
				}
			}
		})
	}
}

// withDefinition makes the API server take AppInstances.
func withDefinition(t *testing.T) {
	t.Helper()
	handOver(t, onlyDefinition(t, helmTemplate(t, "flashpod", system, chartPath("flashpod"), "")))
	until(t, "AppInstances to be served", func() bool {
		_, err := kubectlTry("", "get", "appinstances", "--all-namespaces")
		return err == nil
	})
}

// TestInstance installs an AppInstance by its chart, upgrades it, when the notes know
// the address, rolls it back and uninstalls it.
func TestInstance(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			clean(t)
			chart := chartPath("flashpod-instance")
			if _, err := h.install("lobby", "team-a", chart, ""); err == nil || !strings.Contains(err.Error(), "ensure CRDs are installed first") {
				t.Errorf("without the operator's chart it said %v", err)
			}
			withDefinition(t)
			text, err := h.install("lobby", "team-a", chart, "spec: {application: chatRoom, limits: {maxStreams: 5}}")
			must(t, err)
			if !strings.Contains(text, "has no address yet") {
				t.Errorf("before it serves the notes are\n%s", text)
			}
			o := get(t, "media.flashpod.dev/v1alpha1", "AppInstance", "team-a", "lobby")
			o.Object["status"] = map[string]any{"url": "rtmp://203.0.113.10/chatRoom/lobby"}
			must(t, server.client.Status().Update(t.Context(), o, client.FieldOwner("flashpod-operator")))
			text, err = h.upgrade("lobby", "team-a", chart, "spec: {application: chatRoom, limits: {maxStreams: 6}}")
			must(t, err)
			if !strings.Contains(text, "is at rtmp://203.0.113.10/chatRoom/lobby") {
				t.Errorf("when it serves the notes are\n%s", text)
			}
			if got := maxStreams(t); got != 6 {
				t.Errorf("after the upgrade it has %d streams", got)
			}
			must(t, h.rollback("lobby", "team-a", 1))
			if got := maxStreams(t); got != 5 {
				t.Errorf("after the rollback it has %d streams", got)
			}
			must(t, h.uninstall("lobby", "team-a"))
			if get(t, o.GetAPIVersion(), o.GetKind(), "team-a", "lobby") != nil {
				t.Error("it is still there")
			}
		})
	}
}

func maxStreams(t *testing.T) int64 {
	t.Helper()
	o := get(t, "media.flashpod.dev/v1alpha1", "AppInstance", "team-a", "lobby")
	n, _, err := unstructured.NestedInt64(o.Object, "spec", "limits", "maxStreams")
	must(t, err)
	return n
}
