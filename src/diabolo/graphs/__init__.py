"""Graphs of nearest rows and images, and the clusters along them, which need no network."""

from diabolo.graphs.agreement import agreed
from diabolo.graphs.clusters import graph_clusters
from diabolo.graphs.images import distortions, nearest_images
from diabolo.graphs.linkage import degree_linkage, modularity
from diabolo.graphs.rows import NearestRows, nearest_rows

__all__ = [
    "NearestRows",
    "agreed",
    "degree_linkage",
    "distortions",
    "graph_clusters",
    "modularity",
    "nearest_images",
    "nearest_rows",
]
