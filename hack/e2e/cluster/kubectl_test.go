//go:build e2e

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// patience is for what a slow machine does beside much else.
const patience = 2 * time.Minute

// world is a namespace of its own.
type world struct {
	t  *testing.T
	ns string
}

func newWorld(t *testing.T, ns string) *world {
	t.Helper()
	w := &world{t, ns}
	w.kubectl("create", "namespace", ns)
	w.kubectl("label", "namespace", ns, "pod-security.kubernetes.io/enforce=restricted")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.try("describe", "appinstances,statefulsets,pods,pvc"))
			t.Log(w.try("logs", "--all-containers", "--prefix", "--tail=50", "-l", "app.kubernetes.io/name=flashpod"))
		}
		w.kubectl("delete", "namespace", ns, "--wait=false")
	})
	return w
}

// try runs kubectl in the namespace and returns all it prints.
func (w *world) try(args ...string) string {
	out, _ := w.command(args...)
	return out
}

func (w *world) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace", w.ns}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	out, err := w.command(args...)
	if err != nil {
		w.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// apply hands a manifest to kubectl apply and returns what it says.
func (w *world) apply(text string) (string, error) {
	cmd := exec.Command("kubectl", "--namespace", w.ns, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// status is what the tests look at of an AppInstance.
type status struct {
	Status struct {
		URL        string `json:"url"`
		Conditions []struct {
			Type, Status, Reason, Message string
		} `json:"conditions"`
		ObservedGeneration int64 `json:"observedGeneration"`
	} `json:"status"`
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
}

func (s status) is(condition string) bool {
	for _, c := range s.Status.Conditions {
		if c.Type == condition {
			return c.Status == "True" && s.Status.ObservedGeneration == s.Metadata.Generation
		}
	}
	return false
}

func (w *world) status(name string) (s status) {
	w.t.Helper()
	out := w.kubectl("get", "appinstance", name, "-o", "json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// ready waits until an instance serves, and returns its URL.
func (w *world) ready(name string) string {
	w.t.Helper()
	began := time.Now()
	var s status
	until(w.t, patience, name+" to be ready", func() bool {
		s = w.status(name)
		return s.is("Ready") && s.Status.URL != ""
	})
	w.t.Logf("%s was ready after %v at %s", name, time.Since(began).Round(100*time.Millisecond), s.Status.URL)
	// The node's proxy hears of it a moment after the operator does.
	until(w.t, patience, s.Status.URL+" to be reached", func() bool { return reached(s.Status.URL) })
	return s.Status.URL
}

// reached says whether a connection to the server of a URL is accepted.
func reached(url string) bool {
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// forward has kubectl forward to a port of a pod, and returns where it listens. It gives up
// a forwarding at the first thing that goes wrong, and is started again then.
func (w *world) forward(pod, port string) (address string) {
	w.t.Helper()
	address = freePort(w.t)
	_, from, _ := net.SplitHostPort(address)
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_ = exec.CommandContext(ctx, "kubectl", "--namespace", w.ns, "port-forward", "--address", "127.0.0.1", pod, from+":"+port).Run()
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	w.t.Cleanup(func() { stop(); <-over })
	until(w.t, patience, "kubectl to forward to "+pod, func() bool { return answers(address) })
	return address
}

func (w *world) key(instance string) string {
	w.t.Helper()
	return w.kubectl("get", "secret", instance+"-publish-key", "-o", "go-template={{.data.key | base64decode}}")
}

func until(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// media is a command with ffmpeg or ffprobe that runs beside the test.
type media struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{}
	stop context.CancelFunc
	err  error
}

// text ends the command and returns what it has printed.
func (m *media) text() string {
	m.stop()
	<-m.done
	return m.out.String()
}

// wait waits until the command has ended, which it does by itself.
func (m *media) wait() {
	select {
	case <-m.done:
	case <-time.After(2 * patience):
		m.stop()
		<-m.done
		m.err = fmt.Errorf("it did not end within %v: %w", 2*patience, m.err)
	}
}

// run starts a command, which ends with the test at the latest.
func run(t *testing.T, name string, args ...string) *media {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &media{cmd: exec.CommandContext(ctx, name, args...), done: make(chan struct{}), stop: cancel}
	m.cmd.Stdout, m.cmd.Stderr = &m.out, &m.out
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer cancel()
		m.err = m.cmd.Wait()
		close(m.done)
	}()
	t.Cleanup(func() {
		ended := ""
		select {
		case <-m.done:
			ended = fmt.Sprintf(", which had ended (%v)", m.err)
		default:
		}
		cancel()
		<-m.done
		if t.Failed() {
			t.Logf("%s %s%s: %s", name, args[len(args)-1], ended, m.out.String())
		}
	})
	return m
}

// lasting is how many seconds a stream lasts that is there as long as its test.
const lasting = "1200"

func publish(t *testing.T, url, seconds string) *media {
	t.Helper()
	return run(t, "ffmpeg", publishing(url, seconds)...)
}

// publishing are ffmpeg's arguments for a stream with pictures and sound.
func publishing(url, seconds string) []string {
	return []string{"-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", seconds, "-f", "flv", url}
}

// pictures is how many there are in a file, or come from a URL.
func pictures(t *testing.T, what string, args ...string) int {
	t.Helper()
	n, err := count(t, what, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// plays waits until so many pictures come from a URL: of a machine that has much else to
// do, a server may leave some out.
func plays(t *testing.T, url string, enough int, args ...string) {
	t.Helper()
	n, err := 0, error(nil)
	t.Cleanup(func() {
		if n < enough {
			t.Logf("%s: %d pictures, %v", url, n, err)
		}
	})
	until(t, patience, fmt.Sprintf("%d pictures of %s", enough, url), func() bool {
		n, err = count(t, url, args...)
		return n >= enough
	})
}

// count is pictures, or why there are none.
func count(t *testing.T, what string, args ...string) (int, error) {
	t.Helper()
	m := run(t, "ffprobe", append(append([]string{"-v", "error", "-select_streams", "v", "-count_packets", "-of", "json", "-show_streams"}, args...), what)...)
	m.wait()
	if m.err != nil {
		return 0, fmt.Errorf("ffprobe %s: %w\n%s", what, m.err, m.out.String())
	}
	var p struct {
		Streams []struct {
			Packets int `json:"nb_read_packets,string"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(m.out.Bytes(), &p); err != nil || len(p.Streams) == 0 {
		return 0, fmt.Errorf("ffprobe %s: %w\n%s", what, err, m.out.String())
	}
	return p.Streams[0].Packets, nil
}
