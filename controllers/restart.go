package controllers

import (
	"reflect"
	"slices"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"
)

// causeOf maps what differs between two pod templates to the field of the
// AppInstance that says so.
var causeOf = map[string]string{
	"nodeSelector":              "spec.nodeSelector",
	"tolerations":               "spec.tolerations",
	"affinity":                  "spec.affinity",
	"topologySpreadConstraints": "spec.topologySpreadConstraints",
	"priorityClassName":         "spec.priorityClassName",
	"imagePullSecrets":          "spec.imagePullSecrets",
}

// upgraded is the cause that no field of the spec is.
const upgraded = "the operator was upgraded"

// causes names what a restart is for: fields of the spec, or the operator.
func (p *plan) causes(o *observed, was, want *corev1ac.PodTemplateSpecApplyConfiguration, doc string) []string {
	if !p.upgrade.edited {
		return []string{upgraded}
	}
	var all []string
	add := func(cause string) {
		if !slices.Contains(all, cause) {
			all = append(all, cause)
		}
	}
	if o.configMap != nil {
		for _, field := range documentChanges(o.configMap.Data[documentFile], doc) {
			add("spec." + field)
		}
	}
	before, errA := plain(was.Spec)
	after, errB := plain(want.Spec)
	if errA != nil || errB != nil {
		return all
	}
	for key, cause := range causeOf {
		if !reflect.DeepEqual(before[key], after[key]) {
			add(cause)
		}
	}
	old, now := firstContainer(before), firstContainer(after)
	for key, cause := range map[string]string{"image": "spec.image", "resources": "spec.resources"} {
		if !reflect.DeepEqual(old[key], now[key]) {
			add(cause)
		}
	}
	if hasPort(old, portRTMPS) != hasPort(now, portRTMPS) || secretOf(before, volumeTLS) != secretOf(after, volumeTLS) {
		add("spec.tls")
	}
	if byGateway(old) != byGateway(now) {
		add("spec.service")
	} else if hasPort(old, portLink) != hasPort(now, portLink) || hasPort(old, portWebRTC) == hasPort(now, portWebRTC) && !reflect.DeepEqual(old["env"], now["env"]) {
		add("spec.edges")
	}
	if hasPort(old, portWeb) != hasPort(now, portWeb) || hasPort(old, portWebRTC) != hasPort(now, portWebRTC) {
		add("spec.web")
	}
	// Without spec.console it follows the image.
	if secretOf(before, volumeConsole) != secretOf(after, volumeConsole) && (o.instance.Spec.Console != nil || reflect.DeepEqual(old["image"], now["image"])) {
		add("spec.console")
	}
	if secretOf(before, volumeKey) != secretOf(after, volumeKey) {
		add("spec.access")
	}
	if !reflect.DeepEqual(volumeOf(before, volumeScript), volumeOf(after, volumeScript)) {
		add("spec.script")
	} else if scriptChanged(was, want) {
		add("ConfigMap " + scriptName(o.instance))
	}
	if !reflect.DeepEqual(annotationsOf(was), annotationsOf(want)) {
		add("spec.podAnnotations")
	}
	slices.Sort(all)
	return all
}

// documentChanges are the fields of the spec that differ between two documents.
func documentChanges(was, want string) (fields []string) {
	var before, after struct {
		Spec map[string]any `json:"spec"`
	}
	if yaml.Unmarshal([]byte(was), &before) != nil || yaml.Unmarshal([]byte(want), &after) != nil {
		return nil
	}
	for key := range after.Spec {
		if !reflect.DeepEqual(before.Spec[key], after.Spec[key]) {
			fields = append(fields, key)
		}
	}
	for key := range before.Spec {
		if _, ok := after.Spec[key]; !ok {
			fields = append(fields, key)
		}
	}
	return fields
}

func firstContainer(spec map[string]any) map[string]any {
	list, _ := spec["containers"].([]any)
	if len(list) == 0 {
		return nil
	}
	c, _ := list[0].(map[string]any)
	return c
}

// hasPort says whether a container of a pod's spec has a port.
func hasPort(container map[string]any, name string) bool {
	list, _ := container["ports"].([]any)
	return slices.ContainsFunc(list, func(v any) bool {
		m, _ := v.(map[string]any)
		return m["name"] == name
	})
}

// volumeOf is a volume of a pod's spec; nil: there is none.
func volumeOf(spec map[string]any, name string) map[string]any {
	list, _ := spec["volumes"].([]any)
	for _, v := range list {
		if m, _ := v.(map[string]any); m["name"] == name {
			return m
		}
	}
	return nil
}

// secretOf is the Secret that a volume of a pod's spec mounts.
func secretOf(spec map[string]any, volume string) string {
	s, _ := volumeOf(spec, volume)["secret"].(map[string]any)
	name, _ := s["secretName"].(string)
	return name
}

// annotationsOf are those of the user.
func annotationsOf(t *corev1ac.PodTemplateSpecApplyConfiguration) map[string]string {
	all := map[string]string{}
	if t.ObjectMetaApplyConfiguration != nil {
		for k, v := range t.Annotations {
			if k != annotationDocument && k != annotationScript {
				all[k] = v
			}
		}
	}
	return all
}
