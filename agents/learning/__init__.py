"""What every trained agent needs: training loops, checkpoints, devices, models of reward."""
