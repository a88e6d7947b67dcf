package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// target is a running server.
type target struct {
	*child
	addr   netip.AddrPort
	secure netip.AddrPort // by TLS; not valid without
	web    netip.AddrPort // of web pages and HTTP players; not valid without
	links  netip.AddrPort // where edges link alone; not valid without
	app    string
	dir    string // its data folder
}

const manifest = `apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: bench}
spec:
  application: bench
  limits: {maxConnectionsPerAddress: 0} # all clients come from here
  instance: _definst_
  access: {publish: {mode: Anyone}}
  delivery: {latency: %s}
%s`

// serve starts flashpod with a latency mode on cores, as its pod does, and
// waits until it is ready.
func (b *bench) serve(latency string, cores ...int) (*target, error) {
	return b.serveWith(latency, nil, cores...)
}

// serveWith is serve with flags of its own.
func (b *bench) serveWith(latency string, flags []string, cores ...int) (*target, error) {
	return b.serveSpec(latency, "", flags, cores...)
}

// serveSpec is serveWith with more lines of the manifest's spec.
func (b *bench) serveSpec(latency, spec string, flags []string, cores ...int) (*target, error) {
	dir, err := os.MkdirTemp(b.dir, "server-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, manifest, latency, spec), 0o600); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	t, err := b.start(dir, append([]string{"-f", file, "--data", data, "--drain-timeout", "1s"}, flags...), cores...)
	if err != nil {
		return nil, err
	}
	t.dir = data
	return t, nil
}

// start starts flashpod with flags, on ports of its own choosing, and waits until it is
// ready. Its log is in dir.
func (b *bench) start(dir string, flags []string, cores ...int) (*target, error) {
	return b.command("serve", dir, flags, cores...)
}

// command is start for another command that serves.
func (b *bench) command(name, dir string, flags []string, cores ...int) (*target, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	t := &target{app: "bench"}
	cmd := exec.Command(b.binary, name, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--log-format", "json")
	cmd.Args = append(cmd.Args, flags...)
	cmd.Stdout, cmd.Stderr = log, log
	if len(cores) == 0 {
		cores = []int{serverCore}
	}
	if t.child, err = startOn(cmd, cores...); err != nil {
		return nil, fmt.Errorf("start %s: %w", b.binary, err)
	}
	if err := t.awaitReady(log.Name()); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// awaitReady reads the addresses from the line "ready" of a log.
func (t *target) awaitReady(log string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	tooLate := time.After(10 * time.Second)
	for {
		select {
		case <-tick.C:
			line, ok := readyLine(log)
			if !ok {
				continue
			}
			for to, said := range map[*netip.AddrPort]string{&t.addr: line.RTMP, &t.secure: line.RTMPS, &t.web: line.Web, &t.links: line.Links} {
				if said == "" {
					continue
				}
				var err error
				if *to, err = netip.ParseAddrPort(said); err != nil {
					return err
				}
			}
			return nil
		case <-t.done:
			said, _ := os.ReadFile(log)
			return fmt.Errorf("the server ended at once: %s", said)
		case <-tooLate:
			return errors.New("the server was not ready within 10 s")
		}
	}
}

// logLine is a line of the server's log, as far as it matters here.
type logLine struct{ Msg, RTMP, RTMPS, Web, Links string }

func readyLine(log string) (line logLine, ok bool) {
	f, err := os.Open(log)
	if err != nil {
		return line, false
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		line = logLine{}
		if json.Unmarshal(in.Bytes(), &line) == nil && line.Msg == "ready" {
			return line, true
		}
	}
	return line, false
}
