// Package emftest holds documents in CloudWatch's embedded metric format against the rules of its specification, for
// tests:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
package emftest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// The bounds of the specification, and of the values of dimensions:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html.
const (
	mostBytes      = 256 << 10
	mostMetrics    = 100
	mostDimensions = 30
	mostName       = 255
	mostValue      = 1024
)

// units are those of the schema that ends the specification.
var units = regexp.MustCompile(`^((Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|` +
	`Terabits|Count)(/Second)?|Seconds|Microseconds|Milliseconds|Percent|None)$`)

// Document is one line: Metrics by their names, and all members of its root node.
type Document struct {
	Metrics map[string]Metric
	Members map[string]any
}

// Metric is one metric of a document.
type Metric struct {
	Namespace, Unit string
	Dimensions      map[string]string
	Value           float64
}

// metadata is the member _aws.
type metadata struct {
	Timestamp         *int64
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct{ Name, Unit string }
}

// Parse reads one line. The error names the first rule that it breaks.
func Parse(line []byte) (Document, error) {
	if len(line) > mostBytes {
		return Document{}, fmt.Errorf("%d bytes, more than a log event may have", len(line))
	}
	if err := unique(line); err != nil {
		return Document{}, err
	}
	d := Document{Metrics: make(map[string]Metric)}
	if err := json.Unmarshal(line, &d.Members); err != nil {
		return Document{}, err
	}
	var root struct {
		AWS metadata `json:"_aws"`
	}
	if err := json.Unmarshal(line, &root); err != nil {
		return Document{}, err
	}
	if root.AWS.Timestamp == nil || root.AWS.CloudWatchMetrics == nil {
		return Document{}, errors.New("no _aws, or no Timestamp or CloudWatchMetrics in it")
	}
	for _, of := range root.AWS.CloudWatchMetrics {
		if err := d.add(of); err != nil {
			return Document{}, err
		}
	}
	return d, nil
}

// unique refuses members of the root node that stand there twice: different readers see different ones.
func unique(line []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("not an object: it begins with %v: %w", start, err)
	}
	seen := make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("the member %q is there twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// add checks one directive and adds its metrics.
func (d *Document) add(of directive) error {
	if !name(of.Namespace) {
		return fmt.Errorf("a namespace of %d characters", len(of.Namespace))
	}
	if len(of.Dimensions) == 0 {
		return errors.New("no dimension set, not even an empty one")
	}
	if len(of.Metrics) > mostMetrics {
		return fmt.Errorf("%d metrics in one directive", len(of.Metrics))
	}
	dimensions := make(map[string]string)
	for _, set := range of.Dimensions {
		if err := d.dimensions(set, dimensions); err != nil {
			return err
		}
	}
	for _, m := range of.Metrics {
		value, is := d.Members[m.Name].(float64)
		switch {
		case !name(m.Name):
			return fmt.Errorf("a metric's name of %d characters", len(m.Name))
		case !units.MatchString(m.Unit):
			return fmt.Errorf("%q is no unit", m.Unit)
		case !is:
			return fmt.Errorf("the metric %s is %v, not a number", m.Name, d.Members[m.Name])
		}
		d.Metrics[m.Name] = Metric{Namespace: of.Namespace, Unit: m.Unit, Dimensions: dimensions, Value: value}
	}
	return nil
}

// dimensions checks one dimension set and puts its values into found.
func (d *Document) dimensions(set []string, found map[string]string) error {
	if len(set) > mostDimensions {
		return fmt.Errorf("%d dimensions in one set", len(set))
	}
	for _, dimension := range set {
		value, is := d.Members[dimension].(string)
		if !name(dimension) || !is || value == "" || len(value) > mostValue {
			return fmt.Errorf("the dimension %.40q is %.40v, not a short text", dimension, d.Members[dimension])
		}
		found[dimension] = value
	}
	return nil
}

// name tells whether a namespace or the name of a metric or dimension has a length that is allowed.
func name(s string) bool { return s != "" && len(s) <= mostName }
