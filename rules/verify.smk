# Takes what runs have written. Leaves nothing: it says what is damaged.


rule verify:
    """Compare every output with what was recorded when it was written; list what is damaged, and the remedy."""
    log:
        "<logs>/verify.log",
    conda:
        "../envs/features.yaml"
    params:
        results=RESULTS,
    shell:
        'python "$COVERSIM_SCRIPTS"/verify.py --results {params.results:q} 2> {log:q}'
