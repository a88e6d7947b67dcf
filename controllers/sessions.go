package controllers

import (
	"context"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// gatherScripts asks media servers for the errors of their scripts. One that does not
// answer, or is older than scripts, says nothing.
func (r *Reconciler) gatherScripts(ctx context.Context, o *observed) {
	if o.instance.Spec.Script == nil {
		return
	}
	if s := o.instance.Status.Script; s != nil && s.Errors > 0 && o.now.Sub(written(o.instance)) < scriptPace(o) {
		return // each answer may be written, and what is written wakes us
	}
	ask := r.Scripts
	if ask == nil {
		ask = scriptErrors
	}
	var pods []corev1.Pod
	for _, s := range o.origins() {
		if s.up() {
			pods = append(pods, *s.pod)
		}
	}
	o.scripts = askPods(ctx, pods, ask)
}

// scriptErrors asks a media server for the last error of its scripts.
func scriptErrors(ctx context.Context, address string) (report *scriptReport, err error) {
	err = askServer(ctx, address, "/script-errors?limit=1", maxReport, func(said io.Reader) error {
		body, err := io.ReadAll(said)
		if err == nil {
			report, err = readScriptReport(body)
		}
		return err
	})
	return report, err
}

// connectedClients reads the gauge flashpod_connections of a media server.
func connectedClients(ctx context.Context, address string) (int, error) {
	return askMetrics(ctx, address, readClients)
}

func readClients(metrics io.Reader) (int, error) {
	const name = "flashpod_connections"
	all, err := figuresOf(metrics, name)
	return int(all[name]), err
}
