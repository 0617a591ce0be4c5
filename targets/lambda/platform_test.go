package main

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/info"
)

// variables are some that Lambda sets.
func variables() func(string) string {
	return env.Lookup([]string{
		"AWS_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_NAME=podinfo", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/podinfo",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/11/22/[$LATEST]2f399eb14537447da05ab2a2e39309de",
	})
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	got := attribute.NewSet(attributes(variables())...)
	want := attribute.NewSet(
		attribute.String("cloud.provider", "aws"), attribute.String("cloud.platform", "aws_lambda"),
		attribute.String("cloud.region", "eu-west-1"), attribute.String("faas.name", "podinfo"),
		attribute.String("faas.version", "$LATEST"), attribute.Int("faas.max_memory", 128<<20),
		attribute.String("faas.instance", "2026/11/22/[$LATEST]2f399eb14537447da05ab2a2e39309de"),
		attribute.StringSlice("aws.log.group.names", []string{"/aws/lambda/podinfo"}),
	)
	if !got.Equals(&want) {
		t.Errorf("got %v\nwant %v", got.ToSlice(), want.ToSlice())
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	want := []info.Field{
		{Name: "aws_lambda_function_name", Value: "podinfo"}, {Name: "aws_lambda_function_version", Value: "$LATEST"},
		{Name: "aws_region", Value: "eu-west-1"},
	}
	if got := platform(variables()); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
