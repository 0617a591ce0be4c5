package main

import (
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/podinfo-targets/podinfo/shared/info"
)

// attributes describes the function to those who read its telemetry, by the variables that Lambda sets
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime) and in the
// words of https://opentelemetry.io/docs/specs/semconv/resource/faas/ and .../resource/cloud/.
func attributes(getenv func(string) string) []attribute.KeyValue {
	list := []attribute.KeyValue{semconv.CloudProviderAWS, semconv.CloudPlatformAWSLambda}
	for variable, attributeOf := range map[string]func(string) attribute.KeyValue{
		"AWS_REGION":                  semconv.CloudRegion,
		"AWS_LAMBDA_FUNCTION_NAME":    semconv.FaaSName,
		"AWS_LAMBDA_FUNCTION_VERSION": semconv.FaaSVersion,
		"AWS_LAMBDA_LOG_STREAM_NAME":  semconv.FaaSInstance,
	} {
		if value := getenv(variable); value != "" {
			list = append(list, attributeOf(value))
		}
	}
	if group := getenv("AWS_LAMBDA_LOG_GROUP_NAME"); group != "" {
		list = append(list, semconv.AWSLogGroupNames(group))
	}
	if megabytes, err := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")); err == nil {
		list = append(list, semconv.FaaSMaxMemory(megabytes<<20))
	}
	return list
}

// platform is what /api/info shows of that.
func platform(getenv func(string) string) []info.Field {
	return []info.Field{
		{Name: "aws_lambda_function_name", Value: getenv("AWS_LAMBDA_FUNCTION_NAME")},
		{Name: "aws_lambda_function_version", Value: getenv("AWS_LAMBDA_FUNCTION_VERSION")},
		{Name: "aws_region", Value: getenv("AWS_REGION")},
	}
}
