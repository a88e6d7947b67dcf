package engine_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// stopped is set in the process that TestProcessThatGetsNoProcessor stops.
const stopped = "FLASHPOD_TEST_STOPPED"

// A machine that gives the process no processor takes nothing of a script's time: here it is stopped for longer than a call may take, at
// a call's beginning and once the clock runs for another already.
func TestProcessThatGetsNoProcessor(t *testing.T) {
	if os.Getenv(stopped) != "" {
		isStopped(t)
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProcessThatGetsNoProcessor$", "-test.count=1")
	cmd.Env = append(os.Environ(), stopped+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	stops := make(chan struct{}, 10)
	go func() {
		for {
			select {
			case <-over:
				return
			case <-stops:
			}
			for range 20 { // it may not have stopped yet
				select {
				case <-over:
					return
				case <-time.After(1500 * time.Millisecond):
				}
				_ = cmd.Process.Signal(unix.SIGCONT)
				if len(stops) > 0 {
					break
				}
			}
		}
	}()
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if lines.Text() == "stops" {
			stops <- struct{}{}
		}
	}
	err = cmd.Wait()
	close(over)
	if got := strings.Join(said, "\n"); err != nil || strings.Count(got, "stops\n") != 2 || !strings.Contains(got, "PASS") {
		t.Errorf("%v: %s", err, got)
	}
}

// isStopped stops its process in the middle of a call, twice.
func isStopped(t *testing.T) {
	t.Helper()
	r := open(t, engine.Limits{Time: time.Second})
	goFunction(t, r, "stop", func(*engine.Call) (engine.Value, error) {
		_, err := os.Stdout.WriteString("stops\n")
		if err == nil {
			err = unix.Kill(os.Getpid(), unix.SIGSTOP)
		}
		return engine.Undefined, err
	})
	for range 2 {
		if got := text(t, r, "stop(); for (var i = 0; i < 10000; i++); i"); got != "10000" {
			t.Errorf("it computed %s", got)
		}
	}
}
