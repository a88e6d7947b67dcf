package controllers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// sessions asks a media server how many clients are connected.
func (r *Reconciler) sessions(ctx context.Context, address string) (int, error) {
	if r.Sessions != nil {
		return r.Sessions(ctx, address)
	}
	return connectedClients(ctx, address)
}

// maxReport bounds what a media server says of its scripts, in bytes.
const maxReport = 64 << 10

// scriptPace is how long until the media server is asked for errors of its scripts
// again.
func scriptPace(o *observed) time.Duration {
	if o.script != nil && o.now.Sub(changed(o.script)) < scriptEvery {
		return scriptSoon
	}
	return scriptEvery
}

// gatherScripts asks the media server for the errors of its scripts. One that does not
// answer, or is older than scripts, says nothing.
func (r *Reconciler) gatherScripts(ctx context.Context, o *observed) {
	if o.instance.Spec.Script == nil || o.pod == nil || o.pod.Status.PodIP == "" || !podReady(o.pod) {
		return
	}
	if s := o.instance.Status.Script; s != nil && s.Errors > 0 && o.now.Sub(written(o.instance)) < scriptPace(o) {
		return // each answer may be written, and what is written wakes us
	}
	ask := r.Scripts
	if ask == nil {
		ask = scriptErrors
	}
	if report, err := ask(ctx, o.pod.Status.PodIP); err == nil {
		o.scripts = report
	} else {
		log.FromContext(ctx).V(1).Info("a media server does not tell of its scripts", "err", err.Error())
	}
}

// scriptErrors asks a media server for the last error of its scripts.
func scriptErrors(ctx context.Context, address string) (*scriptReport, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(address, httpPort, 80)+"/script-errors?limit=1", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the media server at %s: it answers %s", address, resp.Status)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxReport))
	if err != nil {
		return nil, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	return readScriptReport(body)
}

// connectedClients reads the gauge flashpod_connections of a media server.
func connectedClients(ctx context.Context, address string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(address, httpPort, 80)+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	defer resp.Body.Close()
	total, seen := 0.0, false
	lines := bufio.NewScanner(http.MaxBytesReader(nil, resp.Body, 4<<20))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "flashpod_connections{")
		if !ok {
			continue
		}
		_, value, _ := strings.Cut(rest, "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metrics of the media server at %s: flashpod_connections: %w", address, err)
		}
		total, seen = total+n, true
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("metrics of the media server at %s: %w", address, err)
	}
	if !seen {
		return 0, fmt.Errorf("metrics of the media server at %s: no flashpod_connections", address)
	}
	return int(total), nil
}
