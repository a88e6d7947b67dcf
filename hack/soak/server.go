package main

import (
	"bufio"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"
)

// server is a running flashpod with a data folder of its own.
type server struct {
	cmd  *exec.Cmd
	dir  string
	rtmp string // host:port
	http string
	race bool          // the program was built with the race detector
	done chan struct{} // closed when it has ended, with err
	err  error

	stopOnce sync.Once
	stopped  error
}

const manifest = `apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: soak}
spec:
  application: soak
  limits: {maxConnectionsPerAddress: 0} # all clients come from here
  instance: _definst_
  access: {publish: {mode: Anyone}}
  recording: {mode: OnRequest}
`

// serve starts a program and waits until it is ready.
func serve(program string) (*server, error) {
	dir, err := os.MkdirTemp("", "flashpod-soak-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, done: make(chan struct{})}
	if built, err := buildinfo.ReadFile(program); err == nil {
		s.race = slices.Contains(built.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
	}
	file := filepath.Join(dir, "soak.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(program, "serve", "-f", file, "--data", filepath.Join(dir, "data"),
		"--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--log-format", "json", "--drain-timeout", "2s")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w (make bin/flashpod)", program, err), os.RemoveAll(dir))
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		select {
		case <-tick.C:
			if s.readAddresses() {
				return s, nil
			}
		case <-s.done:
			return nil, errors.Join(errors.New("the server ended at once"), s.stop())
		case <-late:
			return nil, errors.Join(errors.New("the server was not ready within 30 s"), s.stop())
		}
	}
}

func (s *server) log() string { return filepath.Join(s.dir, "log") }

// readAddresses looks for the line "ready" in the log.
func (s *server) readAddresses() bool {
	f, err := os.Open(s.log())
	if err != nil {
		return false
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var line struct{ Msg, RTMP, HTTP string }
		if json.Unmarshal(in.Bytes(), &line) == nil && line.Msg == "ready" {
			s.rtmp, s.http = line.RTMP, line.HTTP
			return true
		}
	}
	return false
}

// stop ends the server as Ctrl-C does, and says what it did wrong. Its folder
// is removed when that is nothing.
func (s *server) stop() error {
	s.stopOnce.Do(func() {
		_ = s.cmd.Process.Signal(syscall.SIGINT) // fails only when it has ended
		select {
		case <-s.done:
		case <-time.After(time.Minute):
			_ = s.cmd.Process.Kill()
			<-s.done
			s.stopped = errors.New("the server did not end within a minute of SIGINT")
		}
		s.stopped = errors.Join(s.stopped, s.err, s.bad())
		if s.stopped == nil {
			s.stopped = os.RemoveAll(s.dir)
			return
		}
		s.stopped = fmt.Errorf("server: %w (its log is %s)", s.stopped, s.log())
	})
	return s.stopped
}

// bad looks for what no server may say.
func (s *server) bad() error {
	f, err := os.Open(s.log())
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		for _, word := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
			if bytes.Contains(in.Bytes(), []byte(word)) {
				return fmt.Errorf("it said %q", in.Text())
			}
		}
	}
	return in.Err()
}
