package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	volumeScript = "script"
	pathScript   = "/run/script"

	// annotationScript on a pod is the hash of the files that its script had, where
	// another means another pod.
	annotationScript = annotationPrefix + "script-hash"
)

// scriptName is the ConfigMap with the script; "" when there is none.
func scriptName(a *v1alpha1.AppInstance) string {
	if a.Spec.Script == nil {
		return ""
	}
	return a.Spec.Script.ConfigMap.Name
}

// scriptVolume mounts the script's files, whether they are there or not: a server
// without them says so, and takes them when they come.
func scriptVolume(s *v1alpha1.Script) *corev1ac.VolumeApplyConfiguration {
	files := corev1ac.ConfigMapVolumeSource().WithName(s.ConfigMap.Name).WithOptional(true)
	for _, item := range s.ConfigMap.Items {
		files.WithItems(corev1ac.KeyToPath().WithKey(item.Key).WithPath(item.Path))
	}
	return corev1ac.Volume().WithName(volumeScript).WithConfigMap(files)
}

// scriptKeys are the entries of a ConfigMap.
func scriptKeys(c *corev1.ConfigMap) []string {
	return append(slices.Collect(maps.Keys(c.Data)), slices.Collect(maps.Keys(c.BinaryData))...)
}

// scriptHash is that of the files of a script that a change restarts the server for;
// "" where it does not.
func (o *observed) scriptHash() string {
	s := o.instance.Spec.Script
	if s == nil || s.Reload != v1alpha1.ReloadDrain {
		return ""
	}
	if o.script == nil { // which is told, and restarts nothing
		return o.scriptBefore()
	}
	files, _ := s.ConfigMap.Files(scriptKeys(o.script))
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		key := files[path]
		content, ok := o.script.BinaryData[key]
		if !ok {
			content = []byte(o.script.Data[key])
		}
		fmt.Fprintf(sum, "%q %d\n", path, len(content))
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// scriptBefore is the hash that the pod template has now.
func (o *observed) scriptBefore() string {
	if o.statefulSet == nil {
		return ""
	}
	return o.statefulSet.Spec.Template.Annotations[annotationScript]
}

// scriptChanged says whether the files of a script are what two templates differ in:
// its author has changed them, who is as good as the user of the AppInstance.
func scriptChanged(was, want *corev1ac.PodTemplateSpecApplyConfiguration) bool {
	of := func(t *corev1ac.PodTemplateSpecApplyConfiguration) string {
		if t.ObjectMetaApplyConfiguration == nil {
			return ""
		}
		return t.Annotations[annotationScript]
	}
	before, after := of(was), of(want)
	return before != "" && after != "" && before != after
}

// scriptWaits says that nothing is mounted under the ConfigMap's name yet, and there
// is no script to run: a server that lets everybody in is not what was asked for.
func scriptWaits(o *observed) bool {
	name := scriptName(o.instance)
	if name == "" || !scriptVerdict(o).stalled {
		return false
	}
	if o.statefulSet == nil {
		return true
	}
	return !slices.ContainsFunc(o.statefulSet.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool {
		return v.ConfigMap != nil && v.ConfigMap.Name == name
	})
}

// scriptVerdict is about the ConfigMap with the script, and what the server says of
// it; none without.
func scriptVerdict(o *observed) verdict {
	s := o.instance.Spec.Script
	if s == nil {
		return verdict{}
	}
	name := s.ConfigMap.Name
	if o.script == nil {
		return stalled("ScriptMissing", fmt.Sprintf("ConfigMap %s is not there: make it (kubectl create configmap %s --namespace %s --from-file FOLDER), or leave out spec.script", name, name, o.instance.Namespace))
	}
	files, missing := s.ConfigMap.Files(scriptKeys(o.script))
	if len(missing) > 0 {
		slices.Sort(missing)
		return stalled("ScriptIncomplete", fmt.Sprintf("ConfigMap %s has no %s, which spec.script.configMap.items names: add it, or leave it out there", name, strings.Join(slices.Compact(missing), ", ")))
	}
	main := slices.IndexFunc(v1alpha1.MainScripts(o.instance.Spec.Application), func(path string) bool { return files[path] != "" })
	if main < 0 {
		return stalled("MainScriptMissing", fmt.Sprintf("of the files in ConfigMap %s none is the script to begin with, such as main.asc: add it; where a key has another name, spec.script.configMap.items gives it a path", name))
	}
	if v := scriptFailure(o); !v.none() {
		return v
	}
	return good("ScriptPresent", fmt.Sprintf("%s in ConfigMap %s is the script", v1alpha1.MainScripts(o.instance.Spec.Application)[main], name))
}

// scriptReport is what a media server says of errors of its scripts.
type scriptReport struct {
	// Total is how many there were since it started.
	Total  int64         `json:"total"`
	Errors []scriptError `json:"errors"` // the newest first
	// Failed is why a script does not run now, or not as its files are, the instance's
	// own or one on demand; nil: all do.
	Failed *scriptError `json:"failed"`
}

type scriptError struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Call    string `json:"call"`
	// Stale: changed files cannot be loaded, and the script goes on as it was before; a
	// pod that starts anew has none.
	Stale bool `json:"stale"`
}

// maxScriptMessage is how many bytes of an error status has: what is in them may come
// from clients.
const maxScriptMessage = 512

// String is the error as status and events have it: file, line, message and the call, cut
// at maxScriptMessage.
func (e scriptError) String() string {
	text := e.Message
	if e.File != "" && !strings.Contains(text, e.File) {
		text = fmt.Sprintf("%s:%d: %s", e.File, e.Line, text)
	}
	if e.Call != "" {
		text += " (in " + e.Call + ")"
	}
	return short(printable(text), maxScriptMessage)
}

// printable is one line without what a terminal would obey, or what turns the order of
// what is read.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// newest is the last error of a script; nil when none is known.
func (o *observed) newest() *scriptError {
	if o.scripts == nil || len(o.scripts.Errors) == 0 {
		return nil
	}
	return &o.scripts.Errors[0]
}

// scriptFailure is about a script that cannot be loaded, or has died, and one that goes
// on although its files cannot be loaded any more. What the server
// did not say now stays as it was.
func scriptFailure(o *observed) verdict {
	const reason = "ScriptFailed"
	switch now := meta.FindStatusCondition(o.instance.Status.Conditions, v1alpha1.ConditionScriptReady); {
	case o.scripts == nil && now != nil && now.Reason == reason && serves(o):
		return stalled(reason, now.Message)
	case o.scripts == nil || o.scripts.Failed == nil:
		return verdict{}
	}
	if o.scripts.Failed.Stale {
		return stalled(reason, o.scripts.Failed.String())
	}
	return stalled(reason, "the script does not run: "+o.scripts.Failed.String())
}

// scriptStatus is what status says of a script's errors. What the server did not say
// now stays as it was.
func scriptStatus(o *observed) *v1alpha1.ScriptStatus {
	if o.instance.Spec.Script == nil {
		return nil
	}
	before := o.instance.Status.Script
	if o.scripts == nil {
		return before
	}
	s := &v1alpha1.ScriptStatus{Errors: o.scripts.Total}
	if e := o.newest(); e != nil {
		s.LastError = e.String()
	}
	return s
}

// readScriptReport takes what a media server answers.
func readScriptReport(body []byte) (*scriptReport, error) {
	r := &scriptReport{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, err
	}
	return r, nil
}
