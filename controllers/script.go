package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
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
		return o.hashBefore()
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

// hashBefore is the hash that the pod template has now.
func (o *observed) hashBefore() string {
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

// scriptVerdict is about the ConfigMap with the script, and what servers say of
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
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	File    string    `json:"file"`
	Line    int       `json:"line"`
	Call    string    `json:"call"`
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

// scriptOf is what status says of the script at an origin. What its server did not say now
// stays as it was; nil where it has said nothing yet.
func scriptOf(o *observed, s shard) *v1alpha1.ScriptStatus {
	if o.instance.Spec.Script == nil {
		return nil
	}
	said := o.scripts[s.name]
	if said == nil {
		return scriptBefore(o.instance, s.name)
	}
	is := &v1alpha1.ScriptStatus{Errors: said.Total}
	if len(said.Errors) > 0 {
		is.LastError = said.Errors[0].String()
	}
	switch f := said.Failed; {
	case f == nil:
	case f.Stale:
		is.Failed = f.String()
	default:
		is.Failed = "the script does not run: " + f.String()
	}
	return is
}

// scriptBefore is what status says of the script at an origin's pod now.
func scriptBefore(a *v1alpha1.AppInstance, pod string) *v1alpha1.ScriptStatus {
	for _, s := range a.Status.Shards {
		if s.Name == pod {
			return s.Script
		}
	}
	if pod == podName(a) && !sharded(a) {
		return a.Status.Script
	}
	return nil
}

// scriptFailure is about scripts that cannot be loaded, or have died, and those that go
// on although their files cannot be loaded any more, by their origins where there are several.
func scriptFailure(o *observed) verdict {
	var all []string
	for _, s := range o.origins() {
		is := scriptOf(o, s)
		if is == nil || is.Failed == "" || o.scripts[s.name] == nil && !servesAs(o, s.pod) {
			continue
		}
		all = append(all, s.of(o, is.Failed))
	}
	if len(all) == 0 {
		return verdict{}
	}
	return stalled("ScriptFailed", joined(all, maxMessage))
}

// of is what is said of one of several origins.
func (s shard) of(o *observed, text string) string {
	if !sharded(o.instance) {
		return text
	}
	return s.name + ": " + text
}

// joined is all of several texts, each with its share of so many bytes.
func joined(all []string, most int) string {
	const between = "; "
	for i := range all {
		all[i] = short(all[i], max(most/len(all)-len(between)-len(" …"), 0))
	}
	return strings.Join(all, between)
}

// scriptStatus is what status says of a script's errors, at all origins together.
func scriptStatus(o *observed) *v1alpha1.ScriptStatus {
	if o.instance.Spec.Script == nil {
		return nil
	}
	all := o.origins()
	if len(all) == 1 {
		return scriptOf(o, all[0])
	}
	var sum v1alpha1.ScriptStatus
	if was := o.instance.Status.Script; was != nil {
		sum.LastError = was.LastError
	}
	var last time.Time
	known := false
	for _, s := range all {
		if is := scriptOf(o, s); is != nil {
			known = true
			sum.Errors += is.Errors
		}
		if said := o.scripts[s.name]; said != nil && len(said.Errors) > 0 && !said.Errors[0].Time.Before(last) {
			last, sum.LastError = said.Errors[0].Time, s.of(o, said.Errors[0].String())
		}
	}
	if !known {
		return o.instance.Status.Script
	}
	return &sum
}

// readScriptReport takes what a media server answers.
func readScriptReport(body []byte) (*scriptReport, error) {
	r := &scriptReport{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, err
	}
	return r, nil
}
