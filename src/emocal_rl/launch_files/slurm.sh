#!/bin/bash
#SBATCH --job-name=emocal-rl
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=@PROCESSES@
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
# Run directory and model lie on a disk that all machines share.  After a time limit: sbatch this file again with
#   emocal-rl train --resume RUN_DIR
# in the place of the command.
set -euo pipefail
JOB=$SLURM_JOB_ID
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export JOB head
srun bash -c 'accelerate launch @CONFIG@ --dynamo_backend no \
    --num_machines "$SLURM_NNODES" --machine_rank "$SLURM_NODEID" --num_processes $((SLURM_NNODES * @PROCESSES@)) \
    --main_process_ip "$head" --main_process_port 29500 --rdzv_backend static \
    -m emocal_rl train @COMMAND@'
