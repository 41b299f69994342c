/** Nacos servers that can be had from Maven Central, by their minor version. */
export type NacosVersion = "3.1" | "2.5";
