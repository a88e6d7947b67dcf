//go:build envtest

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// script makes the ConfigMap of a script, or changes it.
func (w *world) script(data map[string]string) {
	w.t.Helper()
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "chat"}, Data: data}
	if err := w.Create(context.Background(), c); err != nil {
		w.must(w.Update(context.Background(), c))
	}
}

const scripted = "{application: chatRoom, script: {configMap: {name: chat}}}"

// A script that is not there keeps the server from being made, and one that goes
// leaves it as it is: its condition says why, and its event.
func TestScriptThatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.add(scripted)
	for _, step := range []struct {
		data   map[string]string
		reason string
	}{
		{nil, "ScriptMissing"},
		{map[string]string{"readme": "x"}, "MainScriptMissing"},
		{map[string]string{"main.asc": "x"}, "ScriptPresent"},
	} {
		if step.data != nil {
			w.script(step.data)
			w.reconcile()
		}
		c := w.condition(v1alpha1.ConditionScriptReady)
		if c.Reason != step.reason || (c.Status == metav1.ConditionTrue) != (step.reason == "ScriptPresent") {
			t.Errorf("%s: %s (%s)", c.Reason, c.Message, step.reason)
		}
		var sets appsv1.StatefulSetList
		w.must(w.List(context.Background(), &sets, client.InNamespace(w.ns)))
		if (len(sets.Items) > 0) != (step.reason == "ScriptPresent") {
			t.Errorf("%s: %d StatefulSets", step.reason, len(sets.Items))
		}
		if ready := w.condition(v1alpha1.ConditionReady); step.reason != "ScriptPresent" && ready.Reason != step.reason {
			t.Errorf("it is %s: %s", ready.Reason, ready.Message)
		}
	}
	w.serve()
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "Serving" {
		t.Fatalf("it is %s: %s", c.Reason, c.Message)
	}
	w.must(w.Delete(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "chat"}}))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "ScriptMissing" {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	if set := read(w, "lobby", &appsv1.StatefulSet{}); set.Generation != 1 {
		t.Error("the server was restarted")
	}
}

// The pod has the files at their paths, and a document that its server can read.
func TestScriptIsMounted(t *testing.T) {
	w := newWorld(t)
	w.script(map[string]string{"main": "x", "users": "y"})
	w.add("{application: chatRoom, script: {configMap: {name: chat, items: [{key: main, path: scripts/main.asc}, {key: users, path: scripts/lib/users.asc}]}, allowedHosts: [backend]}}")
	pod := read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template
	volume := pod.Spec.Volumes[len(pod.Spec.Volumes)-1]
	if volume.ConfigMap == nil || volume.ConfigMap.Name != "chat" || !*volume.ConfigMap.Optional || len(volume.ConfigMap.Items) != 2 || volume.ConfigMap.Items[1].Path != "scripts/lib/users.asc" {
		t.Errorf("volume %+v", volume)
	}
	c := pod.Spec.Containers[0]
	if mount := c.VolumeMounts[len(c.VolumeMounts)-1]; mount.Name != volume.Name || !mount.ReadOnly || !strings.Contains(strings.Join(c.Args, " "), "--script-folder "+mount.MountPath) {
		t.Errorf("mount %+v, arguments %q", mount, c.Args)
	}
	doc := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile]
	loaded, err := manifest.Load(strings.NewReader(doc), "document")
	if err != nil || len(loaded) != 1 || loaded[0].Spec.Script == nil || loaded[0].Spec.Script.AllowedHosts[0] != "backend" {
		t.Errorf("the pod cannot serve its document: %v\n%s", err, doc)
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}
}

// A change of the files restarts the server where Drain says so, at once and with the
// ConfigMap as the cause; where Live does, kubelet alone is told.
func TestScriptThatChanges(t *testing.T) {
	for _, reload := range []string{"Live", "Drain"} {
		t.Run(reload, func(t *testing.T) {
			w := newWorld(t)
			w.script(map[string]string{"main.asc": "1"})
			w.add("{application: chatRoom, upgradePolicy: Manual, script: {configMap: {name: chat}, reload: " + reload + "}}")
			w.serve()
			w.reconcile()
			before := read(w, "lobby", &appsv1.StatefulSet{}).Generation
			pod := read(w, "lobby-0", &corev1.Pod{})
			started := metav1.NewTime(pod.Status.StartTime.Add(-time.Minute))
			pod.Status.StartTime = &started
			w.must(w.Status().Update(context.Background(), pod))
			w.script(map[string]string{"main.asc": "2"})
			w.reconcile()
			after := read(w, "lobby", &appsv1.StatefulSet{}).Generation
			if drain := reload == "Drain"; (after != before) != drain || w.told("restarts because ConfigMap chat changed") != drain {
				t.Errorf("generation %d after %d", after, before)
			}
			if poked := read(w, "lobby-0", &corev1.Pod{}).Annotations[annotationSecrets] != ""; !poked {
				t.Error("kubelet was not told")
			}
		})
	}
}

// Errors of a script are in status and an event, at most once a minute; one that
// cannot run keeps the instance from being ready.
func TestScriptErrorsReachStatus(t *testing.T) {
	w := newWorld(t)
	w.script(map[string]string{"main.asc": "x"})
	w.add(scripted)
	w.serve()
	w.podAddress("lobby-0")
	report := &scriptReport{}
	asked := 0
	w.r.Scripts = func(context.Context, string) (*scriptReport, error) { asked++; return report, nil }
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "Serving" || asked == 0 {
		t.Fatalf("it is %s: %s", c.Reason, c.Message)
	}
	report = &scriptReport{Total: 7, Errors: []scriptError{{Message: "x is not defined\x1b[2J", File: "main.asc", Line: 3, Call: "application.onConnect"}}}
	w.reconcile()
	s := w.instance().Status.Script
	if s == nil || s.Errors != 7 || s.LastError != "main.asc:3: x is not defined [2J (in application.onConnect)" {
		t.Errorf("status has %+v", s)
	}
	if !w.told("ScriptError") {
		t.Error("there is no event")
	}
	asked = 0
	w.r.Now = time.Now // what was written is a moment old
	report.Total = 8
	w.reconcile()
	if s := w.instance().Status.Script; asked != 0 || s.Errors != 7 {
		t.Errorf("it was asked again at once: %d times, %+v", asked, s)
	}
	w.r.Now = func() time.Time { return time.Now().Add(scriptEvery + gatherFor) }
	report.Failed = &scriptError{Message: strings.Repeat("long ", 1000), File: "main.asc", Line: 1}
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "ScriptFailed" || len(c.Message) > 600 {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	report.Failed = &scriptError{Message: "the files cannot be loaded: it goes on", File: "main.asc", Line: 1, Stale: true}
	w.r.Now = func() time.Time { return time.Now().Add(2*scriptEvery + gatherFor) }
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "ScriptFailed" || !strings.Contains(c.Message, "it goes on") || strings.Contains(c.Message, "does not run") {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	report.Failed = nil
	w.r.Now = func() time.Time { return time.Now().Add(3*scriptEvery + gatherFor) }
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "Serving" {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
}
