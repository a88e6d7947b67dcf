package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// pagesTime is how long all of it may take: eight measurements, and what a browser
// takes to begin each.
const pagesTime = 10 * time.Minute

// glassRow has pages in Chromium measure what they see and do: hack/sdk/sdk.sh bench. The
// browser is server, encoder and player to itself, so that nothing is pinned.
func glassRow(b *bench) ([]result, error) {
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return nil, err
	}
	cores := make([]int, min(64, runtime.NumCPU()))
	if os.Getenv(pinnedMark) != "" {
		cores = []int{serverCore, loadCore} // NumCPU says 1 to a process that is pinned
	} else {
		for i := range cores {
			cores[i] = i
		}
	}
	const script = "hack/sdk/sdk.sh"
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("run it in the checkout's folder, as make bench does: %w", err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(script, "bench")
	cmd.Env = append(os.Environ(), "FLASHPOD="+binary, fmt.Sprintf("SECONDS=%d", max(1, int(b.window.Seconds()))))
	cmd.Stdout, cmd.Stderr = in, os.Stderr
	c, err := startOn(cmd, cores...)
	in.Close()
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(pagesTime, c.stop)
	defer late.Stop()
	all, err := io.ReadAll(out)
	<-c.done
	if err != nil {
		return nil, err
	}
	got, err := parsePages(all)
	if err == nil && !cmd.ProcessState.Success() {
		err = errors.New(script + " bench: " + cmd.ProcessState.String())
	}
	return got, err
}

// parsePages reads what the pages have measured, a line of JSON each.
func parsePages(lines []byte) (all []result, err error) {
	scanner := bufio.NewScanner(bytes.NewReader(lines))
	for scanner.Scan() {
		var one struct{ What, Figure, Against string }
		if json.Unmarshal(scanner.Bytes(), &one) != nil || one.What == "" || one.Figure == "" {
			return all, fmt.Errorf("what the pages say is no figure: %.200q", scanner.Bytes())
		}
		all = append(all, result{what: one.What, figure: one.Figure, floor: one.Against})
	}
	if len(all) == 0 && scanner.Err() == nil {
		return nil, errors.New("the pages have measured nothing")
	}
	return all, scanner.Err()
}
