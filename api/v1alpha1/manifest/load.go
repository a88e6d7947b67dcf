package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// maxSize bounds a file: an AppInstance has a few kilobytes.
const maxSize = 4 << 20

// Load reads every AppInstance of a file in YAML or JSON, which may hold
// several documents. Documents of other groups are skipped; one of our group
// but another version or kind is an error. name is the file's, for errors,
// which tell the field, the reason, and in a file of several documents which
// one.
func Load(r io.Reader, name string) ([]v1alpha1.AppInstance, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s: larger than 4 MiB: this is no manifest", name)
	}
	var all []v1alpha1.AppInstance
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", name, n, err)
		}
		a, err := one(doc)
		if err != nil {
			where := name
			if n > 1 {
				where = fmt.Sprintf("%s: document %d", name, n)
			}
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		if a != nil {
			all = append(all, *a)
		}
	}
}

// one reads one document; nil when it is empty or not ours.
func one(doc []byte) (*v1alpha1.AppInstance, error) {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if string(raw) == "null" {
		return nil, nil
	}
	var head metav1.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, &head); err != nil {
		return nil, fmt.Errorf("not a Kubernetes document: %w", err)
	}
	switch group, _, _ := strings.Cut(head.APIVersion, "/"); {
	case head.APIVersion == "" || head.Kind == "":
		return nil, errors.New("apiVersion and kind: must not be empty")
	case group != v1alpha1.GroupVersion.Group:
		return nil, nil
	case head.APIVersion != v1alpha1.GroupVersion.String() || head.Kind != v1alpha1.Kind:
		return nil, fmt.Errorf("%s of %s: not known here; this program reads %s of %s",
			head.Kind, head.APIVersion, v1alpha1.Kind, v1alpha1.GroupVersion)
	}
	if err := checkText(raw); err != nil {
		return nil, err
	}
	var a v1alpha1.AppInstance
	strict, err := json.UnmarshalStrict(raw, &a)
	if err != nil {
		return nil, explain(err)
	}
	if err := errors.Join(strict...); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	a.SetDefaults()
	if err := a.Validate().ToAggregate(); err != nil {
		return nil, err
	}
	return &a, nil
}

var wrongType = regexp.MustCompile(`cannot unmarshal (\S+) .*into Go struct field \w+\.(\S+) of type (\S+)`)

// explain says of a value of the wrong type where it is and what it is, in the
// words of those who write manifests.
func explain(err error) error {
	m := wrongType.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	is, path, want := m[1], m[2], m[3]
	if path == "spec.web" && is == "bool" {
		return errors.New("spec.web: is true or false, and should be an object: {} opens the port, and leaving it out does not")
	}
	if path == "spec.web.hls" && is == "bool" {
		return errors.New("spec.web.hls: is true or false, and should be an object: {mode: None} closes HLS, and leaving it out does not")
	}
	if is == "bool" && want != "bool" {
		return fmt.Errorf("%s: is true or false, and should be text: YAML reads a bare on, off, yes or no so; put it in quotes", path)
	}
	if is == "number" && want == "string" {
		return fmt.Errorf("%s: is a number, and should be text: put it in quotes", path)
	}
	if strings.HasPrefix(want, "int") && is == "number" {
		return fmt.Errorf("%s: must be a whole number that is not too large", path)
	}
	return fmt.Errorf("%s: is of type %s, which is not what belongs there", path, is)
}
